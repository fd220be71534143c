// The sample rate that a file says it has; browsers do not tell, and resample without being asked.
const LOWEST = 8000, HIGHEST = 96000; // between these every browser decodes at any rate

// Hz, of a WAV, FLAC, Ogg Vorbis or MP3 file; null for any other, and for rates that browsers need not know.
export function rateOf(buffer) {
  try {
    const rate = stated(new DataView(buffer));
    return rate >= LOWEST && rate <= HIGHEST ? rate : null;
  } catch (error) {
    if (error instanceof RangeError) return null; // the file ends too early
    throw error;
  }
}

function stated(view) {
  const name = (at) => String.fromCharCode(...[0, 1, 2, 3].map((k) => view.getUint8(at + k)));
  switch (name(0)) {
    case "RIFF":
    case "RF64":
      for (let at = 12; ; at += 8 + view.getUint32(at + 4, true)) if (name(at) === "fmt ") return view.getUint32(at + 12, true);
    case "fLaC":
      return view.getUint32(18) >>> 12;
    case "OggS":
      return name(29) === "vorb" ? view.getUint32(40, true) : null;
  }
  let at = 0;
  if (name(0).startsWith("ID3")) at = 10 + [6, 7, 8, 9].reduce((size, k) => (size << 7) | view.getUint8(k), 0);
  const head = view.getUint32(at);
  if (head >>> 21 !== 0x7ff) return null;
  const version = (head >>> 19) & 3; // 3: MPEG 1, 2: MPEG 2 at half its rates, 0: MPEG 2.5 at a quarter
  return [44100, 48000, 32000][(head >>> 10) & 3] / { 3: 1, 2: 2, 0: 4 }[version];
}

// What a person sees and does; everything that computes is in worker.js.
import { Player } from "./player.js";
import { rateOf } from "./rate.js";

const RATE = 44100;
const LOADING = "Getting ready (about 50 MB the first time) …";
const get = (id) => document.getElementById(id);
const figures = Object.fromEntries([...document.querySelectorAll("figure")].map((one) => [one.dataset.side, one]));
const player = new Player(showPosition);
let worker, file, asked, made; // asked, made: settings under way, and of the result that is shown
let ready = false, busy = false;

function say(words, problem = false) {
  get("status").textContent = words;
  get("status").classList.toggle("problem", problem);
}

function progress(share) {
  get("bar").hidden = share === null;
  get("bar").firstElementChild.style.width = `${100 * (share ?? 0)}%`;
  get("bar").setAttribute("aria-valuenow", Math.round(100 * (share ?? 0)));
}

function setBusy(now) {
  busy = now;
  document.body.classList.toggle("busy", now);
  get("controls").disabled = now || !file;
  if (!now) progress(null);
  showSettings();
}

// ---- files

async function open(chosen) {
  if (!chosen || busy || !worker) return;
  player.stop();
  get("result").hidden = true;
  setBusy(true);
  say(`Decoding ${chosen.name} …`);
  let sound;
  try {
    const bytes = await chosen.arrayBuffer();
    // at its own rate where that is known: what follows resamples better than browsers do
    sound = await new OfflineAudioContext(2, 1, rateOf(bytes) ?? RATE).decodeAudioData(bytes);
  } catch {
    setBusy(false);
    say(`${chosen.name} cannot be decoded by this browser: it is no audio, or of a kind that the browser does not know. Try it as wav, flac or mp3.`, true);
    return;
  }
  file = { name: chosen.name, sound };
  player.set("before", sound);
  player.set("after", null);
  document.body.classList.add("has-file");
  document.querySelector("#drop strong").textContent = "Drop another file";
  get("name").textContent = chosen.name;
  resolve();
}

function resolve() {
  asked = settings();
  setBusy(true);
  player.stop();
  say(ready ? "Listening …" : LOADING);
  progress(0.02);
  const channels = [...Array(file.sound.numberOfChannels).keys()].map((k) => file.sound.getChannelData(k).slice());
  worker.postMessage({ channels, rate: file.sound.sampleRate, ...asked }, channels.map((samples) => samples.buffer));
}

const hear = {
  ready({ noiseFloor }) {
    ready = true;
    get("hiss").value = noiseFloor;
    showSettings();
    say(busy ? "Listening …" : "Ready.");
  },
  before({ picture }) {
    draw("before", picture);
    figures.after.classList.add("waiting");
    get("words").textContent = "";
    get("download").removeAttribute("href");
    get("result").hidden = false;
  },
  progress({ share }) {
    say(share < 0.5 ? "The model answers …" : "Writing the upper band …");
    progress(share);
  },
  result({ words, cutoffHz, picture, channels, wav }) {
    player.set("after", channels);
    draw("after", picture, cutoffHz);
    figures.after.classList.remove("waiting");
    get("words").textContent = `${words[0].toUpperCase()}${words.slice(1)}; above that is the model's.`;
    URL.revokeObjectURL(get("download").href);
    get("download").href = URL.createObjectURL(new Blob([wav], { type: "audio/wav" }));
    get("download").download = `${file.name.replace(/\.[^.]*$/, "")}.saga.wav`;
    finished("Done.");
    listenTo("after");
  },
  unchanged({ words }) {
    figures.after.classList.add("waiting");
    get("words").textContent = `${words[0].toUpperCase()}${words.slice(1)}: it stays as it is.`;
    finished("There is nothing to do.");
    listenTo("before");
  },
  failed({ words }) {
    setBusy(false);
    say(`That went wrong: ${words}`, true);
  },
  broken({ words }) {
    setBusy(false);
    say(`This page could not be started: ${words}`, true);
    worker = null;
  },
};

function finished(words) {
  made = asked;
  setBusy(false);
  say(words);
}

// ---- settings

const settings = () => ({
  noiseFloor: ready ? Number(get("hiss").value) : null, // null: the model's own
  rolloffHz: get("likely").checked ? null : Number(get("bright").value),
});

function showSettings() {
  get("bright").disabled = get("likely").checked;
  get("hiss-said").textContent = `${Math.round(100 * get("hiss").value)} %`;
  get("bright-said").textContent = get("likely").checked ? "" : `up to ${(get("bright").value / 1000).toFixed(1)} kHz`;
  const { noiseFloor, rolloffHz } = settings();
  const same = made && (made.noiseFloor ?? noiseFloor) === noiseFloor && made.rolloffHz === rolloffHz;
  get("again").disabled = busy || !file || !made || same;
}

// ---- pictures

// dark violet over red to pale yellow, as even to the eye as a few stops make it
const STOPS = [[8, 6, 15], [44, 17, 95], [114, 31, 129], [183, 55, 121], [241, 96, 93], [254, 175, 119], [252, 253, 191]];
const PALETTE = Uint8ClampedArray.from({ length: 1024 }, (_, k) => {
  const at = (k >> 2) / 255 * (STOPS.length - 1), left = Math.min(STOPS.length - 2, Math.floor(at)), channel = k & 3;
  return channel === 3 ? 255 : STOPS[left][channel] + (at - left) * (STOPS[left + 1][channel] - STOPS[left][channel]);
});

function draw(side, { levels, rows, columns }, cutoffHz) {
  const canvas = figures[side].querySelector("canvas");
  canvas.width = columns;
  canvas.height = rows;
  const image = new ImageData(columns, rows);
  levels.forEach((level, k) => image.data.set(PALETTE.subarray(4 * level, 4 * level + 4), 4 * k));
  canvas.getContext("2d").putImageData(image, 0, 0);
  const plot = canvas.parentElement;
  plot.querySelectorAll("span, b").forEach((mark) => mark.remove());
  for (const kilohertz of [5, 10, 15, 20]) mark(plot, "span", 1000 * kilohertz).textContent = `${kilohertz} kHz`;
  if (cutoffHz) mark(plot, "b", cutoffHz);
}

function mark(plot, tag, hertz) {
  const element = plot.appendChild(document.createElement(tag));
  element.style.top = `${100 * (1 - hertz / (RATE / 2))}%`;
  return element;
}

// ---- player

function showPosition(seconds) {
  const clock = (s) => `${Math.floor(s / 60)}:${String(Math.floor(s % 60)).padStart(2, "0")}`;
  get("time").textContent = `${clock(seconds)} / ${clock(player.duration)}`;
  get("play").classList.toggle("playing", player.playing);
  get("play").setAttribute("aria-label", player.playing ? "Pause" : "Play");
  for (const head of document.querySelectorAll(".head")) head.style.left = `${100 * seconds / (player.duration || 1)}%`;
}

function listenTo(side) {
  player.hear(side);
  document.querySelector(`input[name=side][value=${side}]`).checked = true;
  for (const [one, figure] of Object.entries(figures)) figure.classList.toggle("heard", one === side);
}

// ---- wiring

get("play").onclick = () => (player.playing ? player.pause() : player.play());
document.querySelectorAll("input[name=side]").forEach((one) => { one.onchange = () => listenTo(one.value); });
for (const [side, figure] of Object.entries(figures)) {
  figure.querySelector(".plot").onclick = (event) => {
    listenTo(side);
    player.seek(event.offsetX / event.currentTarget.clientWidth * player.duration);
  };
}
get("settings").oninput = showSettings;
get("settings").onsubmit = (event) => { event.preventDefault(); resolve(); };
get("file").onchange = ({ target }) => { open(target.files[0]); target.value = ""; };
addEventListener("dragover", (event) => { event.preventDefault(); document.body.classList.add("over"); });
addEventListener("dragleave", (event) => { if (!event.relatedTarget) document.body.classList.remove("over"); });
addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("over");
  open(event.dataTransfer.files[0]);
});

// Why this browser, or the way in which the page was opened, does not do.
function obstacle() {
  if (location.protocol === "file:") return "Opened from disk a page may not start workers: serve its folder (python -m http.server --bind 127.0.0.1).";
  if (typeof WebAssembly !== "object") return "This browser lacks WebAssembly, with which the page computes: try a current Firefox, Chrome, Edge or Safari.";
  if (typeof OfflineAudioContext === "undefined" || typeof Worker === "undefined") return "This browser lacks Web Audio or workers: try a current Firefox, Chrome, Edge or Safari.";
  return "";
}

showSettings();
if (obstacle()) {
  say(obstacle(), true);
} else {
  say(LOADING);
  // A worker from a blob inherits the page's Content-Security-Policy; from an address of its own it would have none.
  const start = `import ${JSON.stringify(new URL("worker.js", location.href).href)};`;
  worker = new Worker(URL.createObjectURL(new Blob([start], { type: "text/javascript" })), { type: "module" });
  worker.onmessage = ({ data }) => hear[data.kind](data);
  worker.onerror = (event) => hear.broken({ words: event.message || "the worker did not load" });
}

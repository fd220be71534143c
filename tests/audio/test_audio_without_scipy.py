"""What the shipped model needs of audio works where scipy is not installed."""

import subprocess
import sys

import soundfile

from sounds import bursts_over_noise

USE = """
import sys
sys.modules["scipy"] = None  # every import of it fails
from saga_kedro.audio import bandwidth, io, lowpass, noise_floor
audio, rate = io.read_audio(sys.argv[1])
for kind in ("chebyshev", "butterworth", "bessel"):
    assert lowpass.low_pass(audio, rate, lowpass.LowPass(kind, 8, 4_000)).shape == audio.shape
power = bandwidth.frame_powers(lambda start, stop: audio[:, start:stop], audio.shape[-1], without_clipping=True)
assert bandwidth.measure_bandwidth(power, rate).ends == "full"
floor = noise_floor.measure_floor(audio[0], 8_000.0)
assert floor is not None
assert noise_floor.without_floor(audio[0], floor).shape == audio[0].shape
assert not [name for name in sys.modules if name.startswith("scipy.")]
"""


def test_measuring_filtering_and_reading_need_no_scipy(tmp_path):
    soundfile.write(tmp_path / "a.wav", bursts_over_noise()[0].T, 44_100, subtype="FLOAT")
    done = subprocess.run([sys.executable, "-c", USE, str(tmp_path / "a.wav")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

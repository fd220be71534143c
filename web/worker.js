// Everything that computes: Python (Pyodide) around the network, the network in onnxruntime-web. It talks to the page only.
import { loadPyodide } from "./pyodide/pyodide.mjs";
import * as ort from "./onnxruntime/ort.wasm.bundle.min.mjs";

const here = (path) => new URL(path, import.meta.url).href;
const ROWS = 256, COLUMNS = 900;
const MODEL = "/lib/saga_kedro/pretrained";

async function bytesOf(path) {
  const answer = await fetch(here(path));
  if (!answer.ok) throw new Error(`${path} is missing from the page's folder (${answer.status}).`);
  return new Uint8Array(await answer.arrayBuffer());
}

async function load() {
  const files = ["model.onnx", "model.safetensors", "saga_sr.json"];
  const [pyodide, code, ...model] = await Promise.all([
    loadPyodide({ indexURL: here("./pyodide/"), packageBaseUrl: here("./pyodide/"), env: { PYTHONPATH: "/lib" } }),
    bytesOf("./python.zip"),
    ...files.map((name) => bytesOf(`./model/${name}`)),
  ]);
  await pyodide.loadPackage("numpy", { messageCallback: () => {} });
  pyodide.unpackArchive(code, "zip", { extractDir: "/lib" });
  pyodide.FS.mkdirTree(MODEL);
  files.forEach((name, k) => pyodide.FS.writeFile(`${MODEL}/${name}`, model[k]));
  // the model's files are checked against their hashes here
  const python = pyodide.pyimport("saga_kedro.use.browser");
  const resolver = python.BrowserSagaSR();

  ort.env.wasm.wasmPaths = { wasm: here("./onnxruntime/ort-wasm-simd-threaded.wasm") };
  ort.env.wasm.numThreads = self.crossOriginIsolated ? Math.min(4, navigator.hardwareConcurrency) : 1;
  ort.env.logLevel = "error";
  const session = await ort.InferenceSession.create(model[0], {
    executionProviders: ["wasm"], logSeverityLevel: 3,
    externalData: [{ path: "model.safetensors", data: model[1] }],
  });
  return { pyodide, python, resolver, session };
}

// The graph's inputs come as NumPy arrays, and its output goes back as one.
async function answer({ pyodide, python, session }, given) {
  const feeds = {};
  for (const name of session.inputNames) {
    const array = given.get(name);
    const view = array.getBuffer();
    const type = view.data instanceof Float32Array ? "float32" : "bool";
    feeds[name] = new ort.Tensor(type, view.data.slice(), view.shape);
    view.release();
    array.destroy();
  }
  const [output] = Object.values(await session.run(feeds));
  const raw = pyodide.toPy(output.data);
  const dims = pyodide.toPy(output.dims);
  const array = python.to_answer(raw, dims);
  raw.destroy();
  dims.destroy();
  return array;
}

function copyOf(array) {
  const view = array.getBuffer();
  const data = view.data.slice();
  view.release();
  return data;
}

function picture({ python }, audio, top) {
  const both = python.spectrogram(audio, COLUMNS, ROWS, top);
  const levels = both.get(0);
  const shown = { levels: copyOf(levels), top: both.get(1), rows: ROWS, columns: COLUMNS };
  levels.destroy();
  both.destroy();
  return shown;
}

async function resolve(engine, { channels, rate, rolloffHz, noiseFloor }) {
  const { pyodide, python, resolver } = engine;
  const list = pyodide.toPy(channels);
  const audio = python.from_channels(list, rate);
  list.destroy();
  const before = picture(engine, audio, undefined);
  postMessage({ kind: "before", picture: before });

  const work = python.super_resolve(resolver, audio, rate, rolloffHz ?? undefined, noiseFloor ?? undefined);
  let step = work.next();
  while (!step.done) {
    if (typeof step.value === "number") {
      postMessage({ kind: "progress", share: step.value });
      step = work.next();
    } else {
      const output = await answer(engine, step.value);
      step.value.destroy();
      step = work.next(output);
      output.destroy();
    }
  }
  const outcome = step.value;
  if (outcome.audio === undefined) {
    postMessage({ kind: "unchanged", words: outcome.words });
  } else {
    const high = outcome.audio;
    const rows = [...Array(high.shape.get(0)).keys()].map((k) => copyOf(high.get(k)));
    const wav = python.to_wav(high);
    postMessage({
      kind: "result", words: outcome.words, cutoffHz: outcome.cutoff_hz,
      picture: picture(engine, high, before.top), channels: rows, wav: copyOf(wav),
    });
    wav.destroy();
    high.destroy();
  }
  outcome.destroy();
  work.destroy();
  audio.destroy();
}

const engine = load();
engine.then(
  ({ resolver }) => postMessage({ kind: "ready", noiseFloor: resolver.sample.get("noise_floor") ?? 0 }),
  (error) => postMessage({ kind: "broken", words: String(error.message ?? error) }),
);

self.onmessage = async ({ data }) => {
  try {
    await resolve(await engine, data);
  } catch (error) {
    // of a Python traceback, the last line says it
    postMessage({ kind: "failed", words: String(error.message ?? error).trim().split("\n").pop() });
  }
};

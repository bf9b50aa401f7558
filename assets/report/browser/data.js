"use strict";
// The rows of the page: one JSON value a line, in gzip, in base64. The columns come first, then texts.

/** Lets the page draw and handle keys. */
function pause() {
  return new Promise((resume) => {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => { channel.port1.close(); resume(); };
    channel.port2.postMessage(null);
  });
}

/** The bytes of base64, line by line. */
async function unpacked(base64) {
  const parts = [];
  for (const line of base64.trim().split("\n")) {
    const signs = atob(line);
    const bytes = new Uint8Array(signs.length);
    for (let at = 0; at < signs.length; at++) bytes[at] = signs.charCodeAt(at);
    parts.push(bytes);
    await pause();
  }
  return new Blob(parts);
}

async function* lines(blob) {
  const reader = blob.stream()
    .pipeThrough(new DecompressionStream("gzip"))
    .pipeThrough(new TextDecoderStream())
    .getReader();
  let open = [];
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    const pieces = value.split("\n");
    open.push(pieces[0]);
    for (const piece of pieces.slice(1)) {
      yield open.join("");
      open = [piece];
    }
  }
  yield open.join("");
}

/** All rows. `progress(share)` is called with the share that is read, from 0 to 1. */
async function read(base64, progress) {
  let data = null;
  const texts = [];
  for await (const line of lines(await unpacked(base64))) {
    if (data === null) {
      data = JSON.parse(line);
    } else {
      for (const text of JSON.parse(line)) texts.push(text);
      progress(texts.length / data.texts);
    }
    await pause();
  }
  const sides = Object.keys(data.sides);
  return { ...data, texts, lower: new Array(texts.length), rows: data.ids.length, names: sides };
}

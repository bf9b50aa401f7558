"use strict";
// The rows of the page: base64 of gzip of a JSON value a line, the columns first, texts after them.

/** Lets the page draw and take keys before going on. */
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

/** All rows. `told(share)` hears how far it is, from 0 to 1. */
async function read(base64, told) {
  let data = null;
  const texts = [];
  for await (const line of lines(await unpacked(base64))) {
    if (data === null) {
      data = JSON.parse(line);
    } else {
      for (const text of JSON.parse(line)) texts.push(text);
      told(texts.length / data.texts);
    }
    await pause();
  }
  const sides = Object.keys(data.sides);
  return { ...data, texts, lower: new Array(texts.length), rows: data.ids.length, names: sides };
}

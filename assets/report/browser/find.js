// Finds the rows that pass all filters and contain the searched text.

const SLICE = 8; // milliseconds of work between two chances to draw
let searches = 0; // how many were started

/** Whether a row passes the filters; `wanted` is the argument of `find`. */
function keeps(data, wanted, row) {
  for (const { values, option } of wanted.choices) if (values[row] !== option) return false;
  if (wanted.low !== null || wanted.high !== null) {
    const number = wanted.numbers[row];
    if (number === null) return false;
    if (wanted.low !== null && number < wanted.low) return false;
    if (wanted.high !== null && number > wanted.high) return false;
  }
  return true;
}

/** A function that says whether one of a row's texts contains `query`, or its id begins with it. A
 * text that many rows share is searched once. */
function searching(data, query) {
  const looked = new Uint8Array(data.texts.length); // 0 not yet, 1 without, 2 with
  const columns = [data.prompts, ...data.names.map((name) => data.sides[name])];
  const holds = (text) => {
    if (looked[text] === 0) {
      data.lower[text] ??= data.texts[text].toLowerCase();
      looked[text] = data.lower[text].includes(query) ? 2 : 1;
    }
    return looked[text] === 2;
  };
  return (row) => columns.some((column) => holds(column[row])) || data.ids[row].startsWith(query);
}

/** The wanted rows in the wanted order, and the time in milliseconds. Null if another search was
 * started meanwhile. `wanted`: query (lower case), choices [{values, option}], numbers (a column),
 * low, high, order (0, 1 or -1). `progress(rows, share)` is called during the search. */
async function find(data, wanted, progress) {
  const search = ++searches;
  const began = performance.now();
  const matches = wanted.query ? searching(data, wanted.query) : null;
  const found = [];
  let until = began + SLICE;
  for (let row = 0; row < data.rows; row++) {
    if (keeps(data, wanted, row) && (matches === null || matches(row))) found.push(row);
    if (row % 64 === 0 && performance.now() > until) {
      progress(found, row / data.rows);
      await pause();
      if (search !== searches) return null;
      until = performance.now() + SLICE;
    }
  }
  if (wanted.order !== 0) {
    const numbers = wanted.numbers;
    const last = wanted.order * Infinity;
    const key = (row) => wanted.order * (numbers[row] === null ? last : numbers[row]);
    found.sort((one, other) => {
      const [a, b] = [key(one), key(other)];
      return a === b ? one - other : a - b;
    });
  }
  return { rows: found, milliseconds: performance.now() - began };
}

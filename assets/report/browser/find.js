// Which rows are shown: those that keep every filter and say what is searched for.

const SLICE = 8; // milliseconds of work between two chances to draw
let asked = 0;

/** Whether the filters keep a row; `wanted` is what `find` takes. */
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

/** Gives a function that says of a row whether one of its texts, or its id, holds `query`. A text
 * that many rows share is looked through once. */
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

/** The rows that are wanted, in the wanted order, and the milliseconds it took: null where another
 * search was begun meanwhile. `wanted`: query (lower case), choices [{values, option}], numbers
 * (a column), low, high, order (0, 1 or -1). `told(rows, share)` hears of it on the way. */
async function find(data, wanted, told) {
  const mine = ++asked;
  const began = performance.now();
  const says = wanted.query ? searching(data, wanted.query) : null;
  const found = [];
  let until = began + SLICE;
  for (let row = 0; row < data.rows; row++) {
    if (keeps(data, wanted, row) && (says === null || says(row))) found.push(row);
    if (row % 64 === 0 && performance.now() > until) {
      told(found, row / data.rows);
      await pause();
      if (mine !== asked) return null;
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

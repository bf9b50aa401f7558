// Shows one pair after another and sends the decisions. Texts are added as text nodes only.
"use strict";

const token = new URLSearchParams(location.search).get("token") ?? "";
const KEYS = {
  ArrowLeft: "left", 1: "left", ArrowRight: "right", 2: "right", t: "tie", "=": "tie",
  x: "reject", 3: "reject", s: "skip",
};
const CHOICES = ["left", "right", "tie", "skip", "reject"];
const RESULTS = {
  accept: (label) => `Last pair: accepted, its label says ${label} too.`,
  flip: (label) => `Last pair: flipped, its label says ${label}.`,
  tie: (label) => `Last pair: equally good, its label says ${label}.`,
  skip: () => "Last pair: skipped.",
  reject: (label) => `Last pair: rejected, its label says ${label}.`,
};
const at = (id) => document.getElementById(id);
let shown = null; // the pair on the page
let busy = false; // a request is running: keys pressed meanwhile are ignored

/** `<name class=kind>` with texts and elements as children. */
function element(name, kind, ...children) {
  const made = document.createElement(name);
  if (kind) made.className = kind;
  made.append(...children);
  return made;
}

function turn(message) {
  return element("div", `turn ${message.role === "user" ? "user" : "other"}`,
    element("span", "role", message.role), element("div", "said", message.content));
}

function side(place, answer) {
  const text = element("div", "said");
  if (answer.shared) text.append(element("span", "shared", answer.shared));
  for (const [part, differs] of answer.own) text.append(differs ? element("mark", "", part) : part);
  at(place).replaceChildren(...answer.before.map(turn), text);
}

const percent = (share) => `${(100 * share).toFixed(0)} %`;

function agreement({ same, decided, interval }) {
  return `· with the label in ${same} of ${decided}: ${percent(same / decided)} ` +
    `(95 % interval ${percent(interval[0])} to ${percent(interval[1])})`;
}

function show(state) {
  shown = state.item;
  at("dataset").textContent = state.dataset;
  at("person").textContent = `reviewed by ${state.person}`;
  at("far").textContent = `${state.done.toLocaleString("en")} of ${state.all.toLocaleString("en")} reviewed:`;
  const { accept, flip, tie, reject, skip } = state.verdicts;
  at("verdicts").textContent = `${accept} accepted, ${flip} flipped, ${tie} equally good, ${reject} rejected, ${skip} skipped`;
  at("agreement").textContent = state.agreement ? agreement(state.agreement) : "";
  at("progress").value = state.done / state.all;
  at("last").textContent = state.last ? RESULTS[state.last.verdict](state.last.label) : "";
  at("last").className = state.last?.verdict ?? "";
  at("pair").hidden = shown === null;
  at("finished").hidden = shown !== null;
  for (const choice of CHOICES) at(`choose-${choice}`).disabled = shown === null;
  at("undo").disabled = state.done === 0;
  at("marks").disabled = shown === null;
  if (shown === null) return;
  at("pair").dataset.pair = shown.pair;
  at("comment").value = shown.comment;
  at("comment").blur();
  at("prompt").replaceChildren(...shown.prompt.map(turn));
  side("left", shown.left);
  side("right", shown.right);
  scrollTo(0, 0);
}

async function ask(path, body) {
  if (busy) return;
  busy = true;
  document.body.toggleAttribute("aria-busy", true);
  try {
    const answer = await fetch(path, {
      method: body ? "POST" : "GET",
      headers: { "X-Review-Token": token, ...(body && { "Content-Type": "application/json" }) },
      body: body && JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(await answer.text());
    show(await answer.json());
    at("problem").hidden = true;
  } catch (error) {
    at("problem").textContent = `Not saved: ${error.message}. Is factory review still running?`;
    at("problem").hidden = false;
  } finally {
    busy = false;
    document.body.removeAttribute("aria-busy");
  }
}

function decide(choice) {
  if (shown) ask("decide", { pair: shown.pair, choice, comment: at("comment").value });
}

function toggleMarks() {
  const marked = at("marks").getAttribute("aria-pressed") !== "true";
  at("marks").setAttribute("aria-pressed", marked);
  document.body.classList.toggle("unmarked", !marked);
}

for (const choice of CHOICES) {
  at(`choose-${choice}`).addEventListener("click", () => decide(choice));
}
at("undo").addEventListener("click", () => ask("undo", {}));
at("marks").addEventListener("click", toggleMarks);
addEventListener("keydown", (event) => {
  // A key that is held down repeats. It must decide on one pair only.
  if (event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target === at("comment")) {
    if (event.key === "Escape") at("comment").blur();
    return;
  }
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (key in KEYS) decide(KEYS[key]);
  else if (key === "u" || key === "Backspace") ask("undo", {});
  else if (key === "c" && shown) at("comment").focus();
  else if (key === "d" && shown) toggleMarks();
  else return;
  event.preventDefault();
});
ask("state");

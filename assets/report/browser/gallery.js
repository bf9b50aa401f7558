// Shows the recipes whose text has all words of the search.

const search = document.getElementById("find");
const cards = [...document.querySelectorAll(".card")].map((card) => [card, card.textContent.toLowerCase()]);

search.addEventListener("input", () => {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const [card, text] of cards) {
    card.hidden = !words.every((word) => text.includes(word));
    shown += !card.hidden;
  }
  for (const family of document.querySelectorAll(".family")) {
    family.hidden = family.querySelector(".card:not([hidden])") === null;
  }
  document.getElementById("status").textContent = `${shown} of ${cards.length} recipes`;
});

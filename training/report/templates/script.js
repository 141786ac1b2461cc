const dialog = document.querySelector("dialog"), large = dialog.querySelector("img");
const choices = [...dialog.querySelectorAll("[data-show]")];
let pictures = [], shown = 0;
function show(which) {
  shown = (which + pictures.length) % pictures.length;
  large.src = pictures[shown].src;
  large.alt = pictures[shown].alt;
  choices.forEach((choice, place) => choice.setAttribute("aria-pressed", place === shown));
}
document.querySelectorAll(".triplet button").forEach((button) => button.addEventListener("click", () => {
  const all = [...button.closest(".triplet").querySelectorAll("button")];
  pictures = all.map((each) => each.querySelector("img"));
  show(all.indexOf(button));
  dialog.showModal();
}));
choices.forEach((choice, place) => choice.addEventListener("click", () => show(place)));
large.addEventListener("click", () => show(shown + 1));
dialog.querySelector(".close").addEventListener("click", () => dialog.close());
dialog.addEventListener("keydown", (event) => {
  if (event.key === "ArrowRight") show(shown + 1);
  if (event.key === "ArrowLeft") show(shown - 1);
});

// Lets an organizer drag a name onto a session, onto another name, or out of a session. What a drag means is told to
// the same form that works without it, so every rule is checked in one place.

const mover = document.querySelector("#move");
let dragged = null;

function targetOf(event) {
  const target = event.target.closest("[data-drop]");
  if (!target || !dragged || target === dragged) return null;
  const home = dragged.closest("[data-who]").dataset.who.split(":")[0];
  return target.dataset.drop === home ? null : target;
}

function mark(target) {
  for (const other of document.querySelectorAll(".over")) other.classList.remove("over");
  target?.classList.add("over");
}

document.addEventListener("dragstart", (event) => {
  dragged = event.target.closest?.("[data-who]") ?? null;
  if (!dragged) return;
  dragged.classList.add("dragged");
  event.dataTransfer.effectAllowed = "move";
  event.dataTransfer.setData("text/plain", dragged.textContent.trim());
});

document.addEventListener("dragover", (event) => {
  const target = targetOf(event);
  mark(target);
  if (target) event.preventDefault();
});

document.addEventListener("drop", (event) => {
  const target = targetOf(event);
  if (!target) return;
  event.preventDefault();
  mover.elements.who.value = dragged.dataset.who;
  mover.elements.to.value = target.dataset.drop;
  mover.requestSubmit();
});

document.addEventListener("dragend", () => {
  dragged?.classList.remove("dragged");
  dragged = null;
  mark(null);
});

document.body.classList.add("can-drag");
document.querySelector("#refused")?.focus();

// Guesses the time zone from the browser, and shows what time it would be there.

const field = document.getElementById("zone");
const note = document.getElementById("zone-now");
const offered = [...(document.getElementById("zones")?.options ?? [])];

function timeIn(zone) {
  try {
    return new Intl.DateTimeFormat("en-GB", { timeZone: zone, weekday: "long", hour: "2-digit", minute: "2-digit" }).format(new Date());
  } catch {
    return null; // not a zone, or not yet
  }
}

function show() {
  const time = offered.some((option) => option.value === field.value) ? timeIn(field.value) : null;
  note.textContent = time ? `There it is ${time} now.` : "";
}

if (field) {
  if (!field.value) {
    const guess = Intl.DateTimeFormat().resolvedOptions().timeZone;
    const today = offered.find((option) => option.value === guess || option.dataset.also === guess); // a browser may say an older name
    if (today) field.value = today.value;
  }
  field.addEventListener("input", show);
  show();
}

// Guesses the time zone from the browser, and shows what time it would be there.

const field = document.getElementById("zone");
const note = document.getElementById("zone-now");

function timeIn(zone) {
  try {
    return new Intl.DateTimeFormat(undefined, { timeZone: zone, weekday: "long", hour: "2-digit", minute: "2-digit" }).format(new Date());
  } catch {
    return null; // not a zone, or not yet
  }
}

function show() {
  const known = [...document.getElementById("zones").options].some((option) => option.value === field.value);
  const time = known || field.value === "UTC" ? timeIn(field.value) : null;
  note.textContent = time ? `There it is ${time} now.` : "";
}

if (field) {
  if (!field.value) {
    const guess = Intl.DateTimeFormat().resolvedOptions().timeZone;
    if (guess) field.value = guess;
  }
  field.addEventListener("input", show);
  show();
}

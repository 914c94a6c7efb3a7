// Turns the rows of hours into a week to paint: mouse, touch or keyboard. What is painted is sent as rows again.

const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const SHORT = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const LONG = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const SEVERAL = { weekdays: [0, 1, 2, 3, 4], weekend: [5, 6], every: [0, 1, 2, 3, 4, 5, 6] };
const WORDS = { "": "not free", good: "good", if_needed: "if needed" };
const CELLS = 48; // half hours of a day
const MORNING = 12; // the cell at which the night ends
const HOLD = 280; // milliseconds of a touch until it paints instead of scrolling

const rows = document.getElementById("week-rows");
const place = document.getElementById("week-paint");

const clock = (cell) => `${String(Math.floor(cell / 2)).padStart(2, "0")}:${cell % 2 ? "30" : "00"}`;
const minutes = (text) => { const [h, m] = text.split(":").map(Number); return h * 60 + m; };

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** The week as typed into the rows: week[day][cell] is "", "good" or "if_needed". */
function weekFromRows() {
  const week = DAYS.map(() => Array(CELLS).fill(""));
  for (const row of rows.querySelectorAll(".week-row")) {
    const [day, opens, closes, liking] = ["day", "opens", "closes", "liking"].map((name) => row.querySelector(`[name=${name}]`).value);
    if (!opens || !closes) continue;
    const ends = minutes(closes) || CELLS * 30;
    for (const number of SEVERAL[day] ?? [DAYS.indexOf(day)]) {
      for (let cell = Math.ceil(minutes(opens) / 30); (cell + 1) * 30 <= ends; cell += 1) {
        if (week[number][cell] !== "good") week[number][cell] = liking;
      }
    }
  }
  return week;
}

function begin() {
  const week = weekFromRows();
  const cells = DAYS.map(() => []);
  const sent = element("div", { hidden: "" });
  const told = element("p", { class: "hint week-told", "aria-live": "polite" });
  let brush = "good";

  function send() {
    sent.replaceChildren();
    for (let day = 0; day < 7; day += 1) {
      for (let cell = 0; cell < CELLS; ) {
        const liking = week[day][cell];
        let end = cell + 1;
        while (end < CELLS && week[day][end] === liking) end += 1;
        if (liking) {
          const fields = { day: DAYS[day], opens: clock(cell), closes: clock(end % CELLS), liking };
          for (const [name, value] of Object.entries(fields)) sent.append(element("input", { type: "hidden", name, value }));
        }
        cell = end;
      }
    }
    const painted = week.flat().filter(Boolean).length;
    told.textContent = painted ? `${painted / 2} hours a week, of which ${week.flat().filter((one) => one === "good").length / 2} good.` : "Nothing painted yet.";
  }

  function paint(day, cell, liking) {
    week[day][cell] = liking;
    const box = cells[day][cell];
    box.dataset.liking = liking;
    box.setAttribute("aria-label", `${LONG[day]} ${clock(cell)}, ${WORDS[liking]}`);
    box.setAttribute("aria-pressed", String(Boolean(liking)));
  }

  // The brush

  const brushes = element("div", { class: "choices week-brushes", role: "radiogroup", "aria-label": "Paint with" });
  for (const [value, words] of [["good", "Good"], ["if_needed", "If needed"], ["", "Erase"]]) {
    const radio = element("input", { type: "radio", name: "week-brush", value: value || "erase" });
    radio.checked = value === brush;
    radio.addEventListener("change", () => { brush = value; });
    brushes.append(element("label", { class: "choice" }, radio, element("span", { class: `swatch swatch-${value || "none"}`, "aria-hidden": "true" }), words));
  }

  const quick = element("div", { class: "week-quick" });
  for (const [words, days, from, until] of [["Weekday evenings", SEVERAL.weekdays, 36, 42], ["Weekday lunches", SEVERAL.weekdays, 24, 26], ["Weekend days", SEVERAL.weekend, 20, 34]]) {
    const button = element("button", { type: "button", class: "pill" }, words);
    button.addEventListener("click", () => {
      for (const day of days) for (let cell = from; cell < until; cell += 1) paint(day, cell, brush);
      send();
    });
    quick.append(button);
  }

  // The table

  const head = element("tr", {}, element("td"));
  for (let day = 0; day < 7; day += 1) head.append(element("th", { scope: "col" }, element("abbr", { title: LONG[day] }, SHORT[day])));
  const table = element("table", { class: "week-table" }, element("caption", { class: "visually-hidden" }, "Your week in half hours. Arrow keys move, the space bar paints."), element("thead", {}, head));
  const body = element("tbody");
  for (let cell = 0; cell < CELLS; cell += 1) {
    const row = element("tr", { class: cell % 2 ? "half" : "full" });
    if (cell < MORNING) row.classList.add("night");
    row.append(element("th", { scope: "row" }, cell % 2 ? element("span", { class: "visually-hidden" }, clock(cell)) : clock(cell)));
    for (let day = 0; day < 7; day += 1) {
      const box = element("button", { type: "button", tabindex: "-1", "data-day": day, "data-cell": cell });
      cells[day][cell] = box;
      row.append(element("td", {}, box));
    }
    body.append(row);
  }
  table.append(body);
  for (let day = 0; day < 7; day += 1) for (let cell = 0; cell < CELLS; cell += 1) paint(day, cell, week[day][cell]);

  const night = element("button", { type: "button", class: "link", "aria-expanded": "false" }, "Show the night");
  const foldNight = (open) => {
    table.classList.toggle("folded", !open);
    night.setAttribute("aria-expanded", String(open));
    night.textContent = open ? "Hide the night" : "Show the night";
  };
  night.addEventListener("click", () => foldNight(table.classList.contains("folded")));
  foldNight(week.some((day) => day.slice(0, MORNING).some(Boolean)));

  // Mouse and touch: a stroke paints, or erases where the brush was already

  let stroke = null;
  let waiting = null;
  const at = (event) => {
    const box = document.elementFromPoint(event.clientX, event.clientY)?.closest?.(".week-table button");
    return box ? [Number(box.dataset.day), Number(box.dataset.cell)] : null;
  };
  const beginStroke = (day, cell) => {
    stroke = { day, cell, liking: week[day][cell] === brush ? "" : brush, before: week.map((one) => [...one]) };
    strokeTo(day, cell);
  };
  const strokeTo = (day, cell) => {
    const [left, right] = [stroke.day, day].sort((a, b) => a - b);
    const [top, bottom] = [stroke.cell, cell].sort((a, b) => a - b);
    for (let d = 0; d < 7; d += 1) {
      for (let c = 0; c < CELLS; c += 1) {
        const inside = d >= left && d <= right && c >= top && c <= bottom;
        const liking = inside ? stroke.liking : stroke.before[d][c];
        if (week[d][c] !== liking) paint(d, c, liking);
      }
    }
  };
  const endStroke = () => {
    clearTimeout(waiting);
    waiting = null;
    if (stroke) { stroke = null; send(); }
  };
  table.addEventListener("pointerdown", (event) => {
    const spot = at(event);
    if (!spot || event.button) return;
    if (event.pointerType === "mouse") {
      event.preventDefault();
      rove(...spot);
      beginStroke(...spot);
    } else {
      waiting = setTimeout(() => { waiting = null; beginStroke(...spot); }, HOLD);
    }
  });
  window.addEventListener("pointermove", (event) => {
    if (!stroke) return;
    const spot = at(event);
    if (spot) strokeTo(...spot);
  });
  table.addEventListener("pointerup", (event) => {
    if (!waiting) return;
    const spot = at(event); // a tap
    if (spot) { beginStroke(...spot); rove(...spot); }
  });
  window.addEventListener("pointerup", endStroke);
  window.addEventListener("pointercancel", endStroke);
  table.addEventListener("touchmove", (event) => { if (stroke) event.preventDefault(); }, { passive: false });
  table.addEventListener("contextmenu", (event) => { if (stroke) event.preventDefault(); });

  // Keyboard: one stop in the tab order, arrows move, space paints; screen readers click

  let stop = null;
  function rove(day, cell) {
    if (stop) stop.tabIndex = -1;
    stop = cells[day][cell];
    stop.tabIndex = 0;
    stop.focus({ preventScroll: false });
  }
  stop = cells[0][36];
  stop.tabIndex = 0;
  const STEPS = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };
  table.addEventListener("keydown", (event) => {
    const box = event.target.closest("button");
    const step = STEPS[event.key];
    if (!box || !step) return;
    event.preventDefault();
    const day = Math.min(6, Math.max(0, Number(box.dataset.day) + step[0]));
    const first = table.classList.contains("folded") ? MORNING : 0;
    const cell = Math.min(CELLS - 1, Math.max(first, Number(box.dataset.cell) + step[1]));
    if (event.shiftKey) paint(day, cell, week[box.dataset.day][box.dataset.cell]);
    rove(day, cell);
    if (event.shiftKey) send();
  });
  table.addEventListener("click", (event) => {
    const box = event.target.closest("button");
    if (!box || event.detail) return; // a pointer has painted it already
    const [day, cell] = [Number(box.dataset.day), Number(box.dataset.cell)];
    paint(day, cell, week[day][cell] === brush ? "" : brush);
    send();
  });

  const touch = matchMedia("(pointer: coarse)").matches;
  const how = touch ? "Tap a half hour, or hold and draw over many." : "Draw over the hours with the mouse, or use the arrow keys and the space bar.";
  place.append(element("p", { class: "hint" }, how), brushes, quick, element("div", { class: "week-box" }, table), night, told, sent);
  place.hidden = false;
  rows.remove();
  send();
}

if (rows && place) begin();

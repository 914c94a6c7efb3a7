// Shows how far the matching is, as it happens. Without it, the page is loaded anew every few seconds.

const card = document.querySelector("[data-progress]");
const news = new EventSource(card.dataset.progress);

news.addEventListener("progress", (event) => {
  const said = JSON.parse(event.data);
  for (const field of card.querySelectorAll("[data-field]")) {
    const words = said[field.dataset.field];
    if (field.textContent !== words) field.textContent = words;
  }
});

news.addEventListener("ended", () => {
  news.close();
  location.reload();
});

// A row's video opens in a dialog outside the list, so that the list may change while it plays.
const theatre = document.getElementById("theatre");
const video = theatre.querySelector("video");

document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-play]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  theatre.querySelector("h2").textContent = link.dataset.title;
  theatre.querySelector("[data-download]").href = `${link.dataset.play}?download`;
  theatre.querySelector("[data-page]").href = link.href;
  video.src = link.dataset.play;
  theatre.showModal();
  video.play().catch(() => {}); // the controls are there when the browser wants a click first
});

theatre.addEventListener("click", (event) => { if (event.target === theatre) theatre.close(); });
theatre.addEventListener("close", () => {
  video.pause();
  video.removeAttribute("src");
  video.load();
});

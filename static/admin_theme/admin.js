// Charts that arrive later than the page, in a panel that htmx has loaded.
// Before the page is complete there is nothing to do: the theme draws what it finds then.
document.addEventListener("htmx:load", (event) => {
  const canvas = event.detail.elt.querySelector?.("canvas.chart");
  if (canvas && document.readyState === "complete" && !Chart.getChart(canvas)) {
    renderCharts();
  }
});

// A refusal (422) is a panel too: it says what to put right.
document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.xhr.status === 422) {
    event.detail.shouldSwap = true;
    event.detail.isError = false;
  }
});

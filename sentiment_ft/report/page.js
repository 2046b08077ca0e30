// Draws every specification of the page with Vega; what it shows and how it reacts is in the specifications.
const data = JSON.parse(document.getElementById("data").textContent);
for (const place of document.querySelectorAll("[data-chart]")) {
  try {
    await vegaEmbed(place, data.specs[place.dataset.chart], {
      renderer: "svg", ast: true, actions: false, defaultStyle: false, config: data.config,
      tooltip: { theme: "page", disableDefaultStyle: true },
    });
  } catch (error) {
    place.textContent = "This chart could not be drawn; its numbers are in the table.";
    console.error(error);
  }
}
document.documentElement.dataset.drawn = Math.round(performance.now());
// What is folded away is printed, too.
addEventListener("beforeprint", () => {
  for (const one of document.querySelectorAll("details:not([open])")) { one.open = true; one.dataset.printed = ""; }
});
addEventListener("afterprint", () => {
  for (const one of document.querySelectorAll("details[data-printed]")) { one.open = false; delete one.dataset.printed; }
});

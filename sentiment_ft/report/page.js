// Draws every specification of the page with Vega; what it shows and how it reacts is in the specifications.
const data = JSON.parse(document.getElementById("data").textContent);
const touch = matchMedia("(hover: none)").matches;
for (const place of document.querySelectorAll("[data-chart]")) {
  const spec = data.specs[place.dataset.chart];
  try {
    await vegaEmbed(place, spec, {
      renderer: "svg", ast: true, actions: false, defaultStyle: false, config: data.config,
      // A finger that scrolls the page must not move the chart.
      patch: touch ? [{ op: "add", path: "/usermeta", value: null }] : [],
      tooltip: { theme: "page", disableDefaultStyle: true },
    });
    const drawn = place.querySelector("svg");
    drawn.setAttribute("role", "img");
    drawn.setAttribute("aria-label", spec.description);
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

// What everybody needs of a page, as findings: names, labels, one heading, size, contrast (WCAG 2.2 AA), nothing to the side.
() => {
  const found = [];
  const shown = (element) => element.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  const all = (selector) => [...document.querySelectorAll(selector)].filter(shown);
  const named = (element) => `${element.tagName.toLowerCase()} ${element.id || element.name || element.textContent.trim().slice(0, 20)}`;

  if (!document.documentElement.lang) found.push("the page has no language");
  if (!document.title) found.push("the page has no title");
  if (all("h1").length !== 1) found.push(`${all("h1").length} headings of the first level`);
  if (document.querySelectorAll("main").length !== 1) found.push("not one main part");
  if (document.documentElement.scrollWidth > innerWidth) found.push(`${document.documentElement.scrollWidth} pixels wide`);
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  if (new Set(ids).size !== ids.length) found.push("an id twice");

  for (const field of document.querySelectorAll("input:not([type=hidden]), select, textarea")) {
    if (!field.labels.length || ![...field.labels].some((label) => label.textContent.trim())) found.push(`${named(field)} has no label`);
    const told = field.getAttribute("aria-describedby");
    if (told && !document.getElementById(told)) found.push(`${named(field)} is described by nothing`);
  }
  for (const pressed of all("button, a[href], summary")) {
    if (!(pressed.textContent.trim() || pressed.getAttribute("aria-label"))) found.push(`${named(pressed)} has no name`);
    const box = pressed.getBoundingClientRect();
    if (pressed.matches("button, .button, nav a") && box.left >= 0 && Math.min(box.width, box.height) < 40) found.push(`${named(pressed)} is too small`);
  }
  for (const image of all("img")) if (!image.alt) found.push("a picture without words");

  const channel = (value) => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const numbers = (colour) => (colour.match(/[\d.]+/g) || []).map(Number);
  const luminance = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const ground = (element) => {
    for (; element; element = element.parentElement) {
      const colour = numbers(getComputedStyle(element).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  for (const element of all("body *")) {
    if (![...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim())) continue;
    const [one, other] = [luminance(numbers(getComputedStyle(element).color)), luminance(ground(element))];
    const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (contrast < 4.5) found.push(`${named(element)} has a contrast of ${contrast.toFixed(2)}`);
  }
  return found;
}

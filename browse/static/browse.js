// Keys, the way of a pair, and refusing without leaving the page. Everything else works
// without this.
"use strict";
(() => {
  const one = (selector) => document.querySelector(selector);
  const cells = () => [...document.querySelectorAll(".cell")];
  const told = one("#told");
  let quiet;

  function tell(text) {
    told.textContent = text;
    told.classList.add("on");
    clearTimeout(quiet);
    quiet = setTimeout(() => told.classList.remove("on"), 4000);
  }

  function go(selector) {
    const link = one(selector);
    if (link) location.assign(link.href);
  }

  // The cell that is nearest in a direction, by where the cells stand on the screen.
  function step(key) {
    const all = cells();
    if (!all.length) return;
    const at = all.indexOf(document.activeElement);
    if (at < 0) return all[0].focus();
    let to = at;
    if (key === "ArrowRight") to = at + 1;
    if (key === "ArrowLeft") to = at - 1;
    if (key === "ArrowDown" || key === "ArrowUp") {
      const here = all[at].getBoundingClientRect();
      let best = Infinity;
      all.forEach((cell, i) => {
        const there = cell.getBoundingClientRect();
        const down = key === "ArrowDown" ? there.top - here.top : here.top - there.top;
        if (down < 1) return;
        const far = down * 10 + Math.abs(there.left - here.left);
        if (far < best) [best, to] = [far, i];
      });
    }
    if (all[to]) {
      all[to].focus({ preventScroll: true });
      all[to].scrollIntoView({ block: "nearest" });
    }
  }

  async function refuse() {
    const button = one("button.refuse");
    const place = document.activeElement.closest(".cell") || one("#pair");
    if (!place || !one("#keys").dataset.refuse || place.classList.contains("refused")) return;
    const body = new URLSearchParams({ pair: place.dataset.pair });
    try {
      const answer = await fetch("/refuse", { method: "POST", body, headers: { "X-Pairloom-Token": one("meta[name=token]").content } });
      if (!answer.ok) throw new Error(await answer.text());
    } catch (e) {
      return tell("Not refused: " + e.message);
    }
    place.classList.add("refused");
    if (place.id === "pair" && button) {
      button.disabled = true;
      one("button.refuse .now").textContent = "Refused";
    }
    tell("Refused; its line stands in refused.txt.");
  }

  document.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName) && document.activeElement.type !== "radio";
    if (typing) {
      if (e.key === "Escape") document.activeElement.blur();
      return;
    }
    if (one("#keys").open) return; // the dialog has its own
    const inGrid = document.activeElement.closest(".cell") || !one("#pair");
    switch (e.key) {
      case "/":
        one("#q").focus();
        one("#q").select();
        break;
      case "ArrowLeft":
      case "ArrowRight":
        if (inGrid) step(e.key);
        else go(e.key === "ArrowLeft" ? "a[rel=prev]" : "a[rel=next]");
        break;
      case "ArrowUp":
      case "ArrowDown":
        if (!inGrid || !cells().length) return;
        step(e.key);
        break;
      case "n": go("a[rel=next]"); break;
      case "p": go("a[rel=prev]"); break;
      case "x": refuse(); break;
      case "Escape": go("#back"); break;
      case "?": one("#keys").showModal(); break;
      default: return;
    }
    e.preventDefault();
  });

  // Where one comes back from a pair, its cell has the focus.
  const back = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
  if (back && back.classList.contains("cell")) back.focus();

  // Choosing words or meaning searches at once where there is something to search for.
  for (const choice of document.querySelectorAll("fieldset input")) {
    choice.addEventListener("change", () => { if (one("#q").value.trim()) one(".find").submit(); });
  }

  const form = one("button.refuse") && one("button.refuse").form;
  if (form) form.addEventListener("submit", (e) => { e.preventDefault(); one("#back").focus(); refuse(); });

  // The way of a pair takes a while where there are millions; who only turns over does
  // not ask for it.
  const way = one("#way");
  if (way) setTimeout(() => {
    fetch(way.dataset.from).then(async (answer) => {
      if (!answer.ok) throw new Error("it could not be read");
      way.innerHTML = await answer.text(); // a page of this server, escaped there
    }).catch((e) => { way.textContent = "Not told: " + e.message; });
  }, 250);
})();

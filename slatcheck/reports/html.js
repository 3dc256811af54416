/* SPDX-License-Identifier: GPL-2.0-only */
/* Arrow keys within the matrix, and the mark on the cell that is selected. Nothing needs it. */
(() => {
  "use strict";
  const rows = [...document.querySelectorAll(".matrix tbody tr")]
    .map((row) => [...row.querySelectorAll("td")].map((cell) => cell.querySelector("a")));
  const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

  function place(link) {
    for (let row = 0; row < rows.length; row++) {
      const column = rows[row].indexOf(link);
      if (column >= 0) return [row, column];
    }
    return null;
  }

  document.querySelector(".matrix").addEventListener("keydown", (event) => {
    const move = moves[event.key];
    const from = place(document.activeElement);
    if (!move || !from || event.ctrlKey || event.altKey || event.metaKey) return;
    let [row, column] = from;
    do {
      row += move[0];
      column += move[1];
    } while (rows[row] && column >= 0 && column < rows[row].length && !rows[row][column]);
    if (rows[row] && rows[row][column]) {
      event.preventDefault();
      rows[row][column].focus();
    }
  });

  function mark() {
    for (const link of rows.flat()) {
      if (!link) continue;
      const picked = link.hash === location.hash;
      link.classList.toggle("picked", picked);
      if (picked) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
    const target = location.hash && document.getElementById(location.hash.slice(1));
    if (target && target.tagName === "DETAILS") target.open = true;
    if (target && target.classList.contains("cell")) target.focus();
  }
  window.addEventListener("hashchange", mark);
  mark();
})();

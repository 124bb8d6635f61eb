/* The theme puts wide tables into boxes that scroll. Those that do can be reached, and scrolled, by keyboard. */

document$.subscribe(() => {
  const observer = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
      else target.removeAttribute("tabindex");
    }
  });
  document.querySelectorAll(".md-typeset__scrollwrap").forEach((each) => observer.observe(each));
});

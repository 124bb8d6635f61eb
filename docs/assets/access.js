/* What the theme leaves out for people who use a keyboard or a screen reader. */

document$.subscribe(() => {
  // A box in which a wide table scrolls can be reached, and scrolled, by keyboard.
  const observer = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
      else target.removeAttribute("tabindex");
    }
  });
  document.querySelectorAll(".md-typeset__scrollwrap").forEach((each) => observer.observe(each));

  // The button that copies code is not a navigation of its own for each piece of code.
  document.querySelectorAll(".md-code__nav").forEach((each) => each.setAttribute("role", "none"));
});

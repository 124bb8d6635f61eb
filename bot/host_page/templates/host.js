// Refreshes the part of the page that changes. Without it, the page has a link for that.
"use strict";
(() => {
  const live = document.getElementById("live");
  const pause = 5000;

  // A refresh must not take away what somebody reads, or is about to press.
  const isUsed = () =>
    document.hidden || live.contains(document.activeElement) || live.querySelector("details[open]");

  const refresh = async () => {
    try {
      if (isUsed()) return;
      const answer = await fetch("/live", { credentials: "same-origin" });
      if (answer.redirected) return location.assign("/login");
      const text = await answer.text();
      if (answer.ok && !isUsed()) live.innerHTML = text;
    } catch {
      // The bot is away, perhaps for a restart: the next refresh tries again.
    } finally {
      setTimeout(refresh, pause);
    }
  };
  setTimeout(refresh, pause);
})();

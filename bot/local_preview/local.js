/* What is added to simcord's page: notices, pictures that stay, links that lead to messages, and
   actions that wait for the one before. It uses the page's elements and `window.simcordPreview`. */
"use strict";

(() => {
  const WAIT_MS = 50;
  const FOUND_MS = 2000;
  const JUMP = /^https:\/\/discord\.com\/channels\/[^/]+\/\d+\/(\d+)$/;
  const SCROLL_MS = 1000;
  const NEAR_PIXELS = 40;
  const SENT = /"kind":"(send_message|run_command)"/;
  const LINK = "this message";
  const NOT_HERE = "That message is not on this page.";

  /* The notice above the composer. */

  function notice(text) {
    let element = document.getElementById("local-notice");
    if (!element) {
      element = document.createElement("div");
      element.id = "local-notice";
      element.setAttribute("role", "status");
      document.getElementById("channel-composer").prepend(element);
    }
    element.textContent = text;
    element.hidden = !text;
  }

  /* The end of the channel stays in view until somebody scrolls up. */

  let following = true;
  let scrolledAt = 0;
  const timeline = () => document.getElementById("channel-timeline");

  function follow() {
    const element = timeline();
    if (following && element) element.scrollTop = element.scrollHeight;
  }

  for (const kind of ["wheel", "touchmove", "pointerdown", "keydown"]) {
    document.addEventListener(kind, (event) => {
      if (event.target.closest?.("#channel-timeline")) scrolledAt = Date.now();
    }, { capture: true, passive: true });
  }

  document.addEventListener("scroll", (event) => {
    const element = timeline();
    if (event.target !== element || Date.now() - scrolledAt > SCROLL_MS) return;
    following = element.scrollHeight - element.scrollTop - element.clientHeight < NEAR_PIXELS;
  }, true);

  document.addEventListener("DOMContentLoaded", () => {
    new ResizeObserver(follow).observe(document.getElementById("channel-message-list"));
  });

  const originalFetch = window.fetch;
  window.fetch = async (url, options) => {
    const response = await originalFetch(url, options);
    if (String(url) === "/api/action" && response.ok) {
      const answer = await response.clone().json();
      if ("notice" in answer) notice(answer.notice || "");
      if (!answer.rejected && SENT.test(String(options?.body))) {
        following = true;
        follow();
      }
    }
    return response;
  };

  /* The page drops an action that comes while another one is under way: let it wait instead. */

  function busy() {
    const page = window.simcordPreview;
    return Boolean(page?.pendingAction)
      || (page?.awaitingRevision ?? 0) > (page?.publishedRevision ?? 0);
  }

  function later(act) {
    const timer = setInterval(() => {
      if (busy()) return;
      clearInterval(timer);
      act();
    }, WAIT_MS);
  }

  function hold(event, act) {
    if (!event.isTrusted || !busy()) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    later(act);
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("button.component-button[data-control-key]");
    if (!button) return;
    const place = `[data-control-key="${CSS.escape(button.dataset.controlKey)}"]`;
    hold(event, () => document.querySelector(place)?.click());
  }, true);

  document.addEventListener("submit", (event) => {
    hold(event, () => event.target.requestSubmit(event.submitter));
  }, true);

  document.addEventListener("keydown", (event) => {
    const inside = event.target.closest?.("#channel-composer");
    if (!inside || event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    hold(event, () => inside.requestSubmit());
    if (!event.defaultPrevented) runWhenComplete(event.target.value);
  }, true);

  /* Enter after the whole name of a command that needs nothing more runs it at once. */

  function runWhenComplete(text) {
    if (!text?.startsWith("/")) return;
    setTimeout(() => {
      const draft = window.simcordPreview.commandPicker.draft;
      if (!draft?.submittable || `/${draft.invocation}` !== text.trim().toLowerCase()) return;
      document.getElementById("channel-composer").requestSubmit();
    });
  }

  /* Pictures stay until the next ones are loaded. */

  const loaded = (image) => image.complete && image.naturalWidth > 0;

  function keepPictures(article, before) {
    const after = article.querySelectorAll("img.attachment-image");
    after.forEach((image, index) => {
      const old = before[index];
      if (!old || loaded(image)) return;
      old.className = "attachment-image local-kept";
      image.classList.add("local-hidden");
      image.before(old);
      image.addEventListener("load", () => {
        image.classList.remove("local-hidden");
        old.remove();
      }, { once: true });
    });
  }

  /* A picture that the bot has replaced before it was loaded. */

  function keepInstead(change) {
    const old = pictures(change.removedNodes).find((image) => image.matches(".local-kept"));
    const missing = [...change.addedNodes].find((node) => node.matches?.(".media-unavailable"));
    if (old && missing) missing.replaceWith(old);
  }

  function pictures(nodes) {
    return [...nodes].filter((node) => node instanceof Element).flatMap(
      (node) => [...node.querySelectorAll("img.attachment-image")].filter(loaded),
    );
  }

  function markCommands() {
    for (const code of document.querySelectorAll(".message-content code:not(.local-command)")) {
      if (!code.textContent.startsWith("/") || code.closest("pre")) continue;
      code.classList.add("local-command");
      code.setAttribute("role", "button");
      code.tabIndex = 0;
    }
  }

  function shortenLinks() {
    for (const link of document.querySelectorAll("a.markdown-link[href]")) {
      if (link.textContent === link.href && JUMP.test(link.href)) link.textContent = LINK;
    }
  }

  new MutationObserver((changes) => {
    const gone = new Map();
    for (const change of changes) {
      const article = change.target;
      if (article instanceof Element && article.matches("article.channel-message")) {
        gone.set(article, [...(gone.get(article) || []), ...pictures(change.removedNodes)]);
      } else {
        keepInstead(change);
      }
    }
    gone.forEach((before, article) => keepPictures(article, before));
    markCommands();
    shortenLinks();
    follow();
  }).observe(document, { childList: true, subtree: true });

  /* A command in a message goes into the composer; a link to a message leads to it. */

  function compose(text) {
    const input = document.getElementById("channel-composer-input");
    if (!input) return;
    input.value = text;
    input.dispatchEvent(new Event("input", { bubbles: true }));
    input.focus();
  }

  function show(id) {
    const message = document.querySelector(`article[data-message-id="${id}"]`);
    if (!message) {
      notice(NOT_HERE);
      return;
    }
    following = false;
    message.scrollIntoView({ block: "center" });
    message.classList.add("local-found");
    setTimeout(() => message.classList.remove("local-found"), FOUND_MS);
  }

  document.addEventListener("click", (event) => {
    const command = event.target.closest?.(".local-command");
    if (command) compose(command.textContent);
    const link = event.target.closest?.("a[href]");
    const jump = link && JUMP.exec(link.href);
    if (!jump) return;
    event.preventDefault();
    show(jump[1]);
  }, true);

  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.matches?.(".local-command")) {
      event.preventDefault();
      compose(event.target.textContent);
    }
  });

  /* What is typed anywhere goes into the composer, as on Discord. */

  document.addEventListener("keydown", (event) => {
    const typed = event.key.length === 1 && !event.ctrlKey && !event.metaKey && !event.altKey;
    if (typed && document.activeElement === document.body) {
      document.getElementById("channel-composer-input")?.focus();
    }
  });

  document.addEventListener("input", (event) => {
    if (event.isTrusted && event.target.closest?.("#channel-composer")) notice("");
  });
})();

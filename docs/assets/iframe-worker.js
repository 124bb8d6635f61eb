/* Search without a server. A browser starts no worker for a page that it opened from a folder, so there
   the worker's script runs in a hidden frame of the page. The theme's plugin would load a script of this name
   from another server; mkdocs.yml names this one instead. */

if (location.protocol === "file:") {
  window.Worker = class FolderWorker extends EventTarget {
    constructor(url) {
      super();
      this.waiting = [];
      const frame = document.createElement("iframe");
      frame.hidden = true;
      frame.title = "Search";
      frame.addEventListener("load", () => this.begin(frame, String(url)), { once: true });
      document.body.append(frame);
    }

    begin(frame, url) {
      const inside = frame.contentWindow;
      inside.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
      const script = frame.contentDocument.createElement("script");
      script.src = url;
      script.addEventListener("load", () => {
        this.inside = inside;
        this.waiting.forEach((data) => this.postMessage(data));
      });
      frame.contentDocument.body.append(script);
    }

    postMessage(data) {
      if (this.inside) this.inside.dispatchEvent(new MessageEvent("message", { data }));
      else this.waiting.push(data);
    }
  };
}

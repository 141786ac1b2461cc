// What gradio's own markup says wrongly, or not at all, to a screen reader, put right whenever it changes.
() => {
  const german = document.documentElement.lang.startsWith("de");
  const words = german ? ["Eingabe", "Restauriert"] : ["Input", "Restored"];
  const thumbnailNumbered = (number, count) =>
    german ? `Vorschaubild ${number} von ${count}: ` : `Thumbnail ${number} of ${count}: `;
  const titles = german ? { Error: "Das ging nicht", Info: "Hinweis", Warning: "Achtung" } : {};
  const busy = "Gerade ist hier viel los. Versuchen Sie es in einer Minute wieder.";
  const set = (element, name, value) => {
    if (element.getAttribute(name) !== value) element.setAttribute(name, value);
  };
  const mend = () => {
    // both pictures of the slider come without words
    for (const slider of document.querySelectorAll(".slider")) {
      slider.querySelectorAll("img").forEach((image, k) => set(image, "alt", words[k] ?? ""));
    }
    // a thumbnail with a caption is called by it, and its picture need not repeat it
    for (const thumbnail of document.querySelectorAll(".thumbnail-item, .thumbnail-small")) {
      const caption = thumbnail.querySelector(".caption-label")?.textContent.trim();
      const image = thumbnail.querySelector("img");
      if (caption) set(thumbnail, "aria-label", caption);
      else if (image?.alt) set(thumbnail, "aria-label", image.alt);
      if (image && (caption || image.alt)) set(image, "alt", "");
    }
    // an example is told by what it shows
    const shows = Object.fromEntries(
      [...document.querySelectorAll("#heads [data-head]")].map((it) => [it.dataset.head, it.textContent]),
    );
    for (const thumbnail of document.querySelectorAll(".examples .thumbnail-item")) {
      const shown = shows[/head_\d+/.exec(thumbnail.querySelector("img")?.src ?? "")?.[0]];
      const [, number, count] = /(\d+)\D+(\d+)/.exec(thumbnail.ariaLabel) ?? [];
      if (shown && number) set(thumbnail, "aria-label", thumbnailNumbered(number, count) + shown);
    }
    // a link with a button in it: one of them is enough, by the name of what it downloads
    for (const link of document.querySelectorAll("a.download-link")) {
      set(link, "aria-label", `${german ? "Herunterladen" : "Download"}: ${link.download}`);
      const button = link.querySelector("button");
      if (button) set(button, "tabindex", "-1"), set(button, "aria-hidden", "true");
    }
    // what is written on a drop area is its name
    document.querySelectorAll(".upload-container[aria-label]:not(.icon-mode)").forEach((area) => area.removeAttribute("aria-label"));
    // gradio's own word over a message
    for (const title of document.querySelectorAll(".toast-title")) {
      const said = titles[title.textContent.trim()];
      if (said) title.textContent = said;
    }
    // and what it says where too many wait, which no server's word replaces
    for (const text of document.querySelectorAll(".toast-message-text")) {
      if (german && text.textContent.trim().startsWith("This application is currently busy")) text.textContent = busy;
    }
    document.querySelectorAll(".empty[aria-label]:not([role])").forEach((place) => set(place, "role", "img"));
  };
  let waiting = false;
  new MutationObserver(() => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      mend();
    });
  }).observe(document.body, { childList: true, subtree: true });
  mend();

  // Two clips with one clock: the one after leads, the one before follows.
  const together = (player) => {
    const [before, after] = player.querySelectorAll("video");
    const [button, track, told] = ["button", "input", "output"].map((name) => player.querySelector(name));
    const { play, pause, of } = player.dataset;
    const frames = Number(player.dataset.frames);
    const show = () => {
      const length = after.duration || 1;
      const now = Math.min(frames - 1, Math.floor((after.currentTime / length) * frames + 1e-3));
      track.value = now;
      told.textContent = `${now + 1} / ${frames}`;
      set(track, "aria-valuetext", `${now + 1} ${of} ${frames}`);
      const word = after.paused ? play : pause;
      set(button, "aria-label", word);
      button.classList.toggle("playing", !after.paused);
    };
    const follow = () => {
      if (!player.isConnected) return;
      if (Math.abs(before.currentTime - after.currentTime) > 0.04) before.currentTime = after.currentTime;
      show();
      if (!after.paused) requestAnimationFrame(follow);
    };
    const run = async () => {
      if (after.ended) before.currentTime = after.currentTime = 0;
      await Promise.allSettled([before.play(), after.play()]);
      follow();
    };
    const halt = () => {
      before.pause();
      after.pause();
      before.currentTime = after.currentTime;
      show();
    };
    button.addEventListener("click", () => (after.paused ? run() : halt()));
    track.addEventListener("input", () => {
      const wanted = ((Number(track.value) + 0.5) / frames) * after.duration;
      halt();
      before.currentTime = after.currentTime = wanted;
      show();
    });
    after.addEventListener("seeked", show);
    after.addEventListener("ended", () => {
      before.currentTime = after.currentTime = 0;
      run();
    });
    show();
    // once both can be played; who wants no motion presses the button
    if (!matchMedia("(prefers-reduced-motion: reduce)").matches) {
      const ready = (video) =>
        new Promise((done) => (video.readyState > 2 ? done() : video.addEventListener("canplay", done, { once: true })));
      Promise.all([ready(before), ready(after)]).then(() => player.isConnected && run());
    }
  };
  // A cloud is turned by dragging its picture, too: that moves the sliders, which a keyboard moves as well.
  const turn = (place) => {
    const slider = (name) => document.querySelector(`#splat-${name} input[type=range]`);
    const move = (name, by) => {
      const range = slider(name);
      let to = Number(range.value) + by;
      if (name === "yaw") to = ((((to + 180) % 360) + 360) % 360) - 180;
      range.value = to;
      range.dispatchEvent(new Event("input", { bubbles: true }));
    };
    let last = null;
    place.addEventListener("pointerdown", (event) => {
      if (!event.target.closest("img")) return;
      last = [event.clientX, event.clientY];
      place.setPointerCapture(event.pointerId);
    });
    place.addEventListener("pointermove", (event) => {
      if (!last) return;
      const [x, y] = [Math.trunc((event.clientX - last[0]) / 2), Math.trunc((event.clientY - last[1]) / 2)]; // 2 px a degree
      if (x) move("yaw", -x);
      if (y) move("pitch", y);
      last = [last[0] + 2 * x, last[1] + 2 * y];
    });
    for (const end of ["pointerup", "pointercancel"]) place.addEventListener(end, () => (last = null));
  };
  const wire = () => {
    const once = (selector, start) => {
      for (const element of document.querySelectorAll(`${selector}:not([data-wired])`)) {
        element.dataset.wired = "";
        start(element);
      }
    };
    once(".player:has(video)", together);
    once("#splat-view", turn);
  };
  new MutationObserver(wire).observe(document.body, { childList: true, subtree: true });
  wire();
  // The divider below the picture goes where the one in the picture is dragged to.
  const follow = (slider) => {
    const range = slider.closest(".hero").querySelector(".divider input[type=range]");
    const handle = slider.querySelector("[data-testid=slider]");
    const picture = slider.querySelector("img");
    if (!range || !handle || !picture || range === document.activeElement) return;
    const at = new DOMMatrix(handle.style.transform).m41 / picture.parentElement.clientWidth;
    range.value = Math.round(100 * at);
    range.style.setProperty("--range_progress", `${range.value}%`);
  };
  document.addEventListener("pointermove", (event) => {
    const slider = event.buttons ? document.querySelector(".slider:has(.outer.grab)") : null;
    if (slider) requestAnimationFrame(() => follow(slider));
  }, true);
}

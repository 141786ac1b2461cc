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
      const names = slider.id === "compare-slider" ? ["A", "B"] : words;
      slider.querySelectorAll("img").forEach((image, k) => set(image, "alt", names[k] ?? ""));
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
      const shown = shows[/(head_\w+)\.webp/.exec(thumbnail.querySelector("img")?.src ?? "")?.[1]];
      const [, number, count] = /(\d+)\D+(\d+)/.exec(thumbnail.ariaLabel) ?? [];
      if (shown && number) set(thumbnail, "aria-label", thumbnailNumbered(number, count) + shown);
    }
    // gradio leaves the words for some pictures untranslated
    for (const image of document.querySelectorAll('img[alt^="__i18n__"]')) {
      const { key } = JSON.parse(image.alt.slice(8));
      const said = window.gradio_config?.i18n_translations ?? {};
      set(image, "alt", said[german ? "de" : "en"]?.[key] ?? key);
    }
    // a link with a button in it: one of them is enough, by the name of what it downloads
    for (const link of document.querySelectorAll("a.download-link")) {
      const button = link.querySelector("button");
      if (!button) continue;
      set(link, "aria-label", `${german ? "Herunterladen" : "Download"}: ${link.download}`);
      set(button, "tabindex", "-1");
      set(button, "aria-hidden", "true");
    }
    // what is written on a drop area is its name
    document.querySelectorAll(".upload-container[aria-label]:not(.icon-mode)").forEach((area) => area.removeAttribute("aria-label"));
    // gradio's own word over a message
    for (const title of document.querySelectorAll(".toast-title")) {
      const said = titles[title.textContent.trim()];
      if (said) title.textContent = said;
    }
    // and what it says by itself: where too many wait, and of a file of another kind
    for (const text of document.querySelectorAll(".toast-message-text")) {
      if (german && text.textContent.trim().startsWith("This application is currently busy")) text.textContent = busy;
      const [, refused] = /^Invalid file types?: (.*)\. Only .* allowed\.$/.exec(text.textContent.trim()) ?? [];
      if (german && refused) text.textContent = `Diese Art Datei wird hier nicht genommen: ${refused}.`;
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

  // A close look is one at all pictures of a result: the two of the slider and, where it is shown, the clean one. A view is
  // { name } of a button, or { zoom, x, y } with the point of the picture, in [0, 1], that is in the middle.
  const views = new WeakMap();
  const LARGEST = 16;
  const shareOf = (picture) => {
    // how much of its element the picture itself takes up, across and down
    const { clientWidth: width, clientHeight: height, naturalWidth, naturalHeight } = picture;
    const scale = Math.min(width / naturalWidth, height / naturalHeight);
    return [(naturalWidth * scale) / width, (naturalHeight * scale) / height, scale];
  };
  const meant = (stage, picture) => {
    const view = views.get(stage) ?? { name: "whole" };
    if (!view.name) return view;
    const [across, down, scale] = shareOf(picture);
    if (view.name === "pixels") return { zoom: Math.max(1, 1 / scale), x: 0.5, y: 0.5 };
    const frame = stage.querySelector(`[data-view=${view.name}]`)?.dataset.frame;
    if (!frame) return { zoom: 1, x: 0.5, y: 0.5 };
    const [left, top, width, height] = frame.split(" ").map(Number);
    return { zoom: Math.max(1, 1 / Math.max(width * across, height * down)), x: left + width / 2, y: top + height / 2 };
  };
  // the middle of a frame that stays inside the picture
  const inside = (at, share, zoom) => {
    const rim = Math.min(0.5, 0.5 / (zoom * share));
    return Math.min(1 - rim, Math.max(rim, at));
  };
  const put = (stage, name, value) => {
    if (stage.style.getPropertyValue(name) !== value) stage.style.setProperty(name, value); // else we would see it change
  };
  const look = (stage) => {
    const first = stage.querySelector(".slider img");
    if (!first?.naturalWidth || !first.clientWidth) return;
    const { zoom, x, y } = meant(stage, first);
    stage.classList.toggle("zoomed", zoom > 1);
    put(stage, "--zoom", String(zoom));
    for (const [name, picture] of [["slider", first], ["truth", stage.querySelector(".truth img")]]) {
      if (!picture?.naturalWidth || !picture.clientWidth) continue;
      const [across, down] = shareOf(picture);
      const shift = (at, share) => Math.min(0, Math.max(1 - zoom, 0.5 - zoom * ((1 - share) / 2 + share * at)));
      const [left, top] = [shift(x, across), shift(y, down)];
      put(stage, `--${name}-left`, `${100 * left}%`);
      put(stage, `--${name}-top`, `${100 * top}%`);
      if (name === "slider") {
        const handle = stage.querySelector("[data-testid=slider]");
        const at = new DOMMatrix(handle.style.transform).m41 / first.clientWidth;
        put(stage, "--slider-cut", `${(100 * (at - left)) / zoom}%`);
      }
    }
    const asked = views.get(stage) ?? { name: "whole" };
    // of another picture: it may have had more faces
    const name = asked.name && !stage.querySelector(`[data-view=${asked.name}]`) ? "whole" : asked.name;
    stage.querySelectorAll("[data-view]").forEach((it) => set(it, "aria-pressed", String(it.dataset.view === name)));
  };
  const lookAgain = () => document.querySelectorAll(".stage:has(.slider img)").forEach(look);
  const show = (stage, view) => {
    views.set(stage, view);
    look(stage);
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-view]");
    if (button) show(button.closest(".stage"), { name: button.dataset.view });
  });
  // what moves the divider, by hand or by key, cuts the zoomed picture elsewhere
  new MutationObserver(lookAgain).observe(document.body, { subtree: true, attributeFilter: ["style"], childList: true });
  document.addEventListener("load", (event) => event.target.closest?.(".slider, .truth") && lookAgain(), true);
  addEventListener("resize", lookAgain);

  // The wheel scrolls the page; with Ctrl it zooms at the pointer. gradio's own handlers, which take every wheel and every
  // finger, are not reached.
  const pictured = (event) => event.target.closest?.(":is(.slider .content, .truth) img");
  document.addEventListener("wheel", (event) => {
    const picture = pictured(event);
    if (!picture) return;
    event.stopImmediatePropagation();
    if (!event.ctrlKey) return;
    event.preventDefault();
    const stage = picture.closest(".stage");
    const now = meant(stage, picture);
    const zoom = Math.min(LARGEST, Math.max(1, now.zoom * (event.deltaY < 0 ? 1.15 : 1 / 1.15)));
    const frame = picture.parentElement.getBoundingClientRect();
    const [across, down] = shareOf(picture);
    const away = [(event.clientX - frame.left) / picture.clientWidth - 0.5, (event.clientY - frame.top) / picture.clientHeight - 0.5];
    const pull = 1 / now.zoom - 1 / zoom; // the point below the pointer stays there
    const [x, y] = [now.x + (away[0] * pull) / across, now.y + (away[1] * pull) / down];
    show(stage, { zoom, x: inside(x, across, zoom), y: inside(y, down, zoom) });
  }, { capture: true, passive: false });
  document.addEventListener("touchstart", (event) => pictured(event) && event.stopImmediatePropagation(), { capture: true, passive: true });
  document.addEventListener("pointerdown", (event) => {
    const picture = pictured(event);
    const stage = picture?.closest(".stage.zoomed");
    if (!stage || event.button) return;
    let [x, y] = [event.clientX, event.clientY];
    const drag = (moved) => {
      const { zoom, ...middle } = meant(stage, picture);
      const [across, down] = shareOf(picture);
      const left = inside(middle.x - (moved.clientX - x) / (zoom * across * picture.clientWidth), across, zoom);
      const top = inside(middle.y - (moved.clientY - y) / (zoom * down * picture.clientHeight), down, zoom);
      [x, y] = [moved.clientX, moved.clientY];
      show(stage, { zoom, x: left, y: top });
    };
    const over = new AbortController();
    document.addEventListener("pointermove", drag, { signal: over.signal });
    for (const name of ["pointerup", "pointercancel"]) {
      document.addEventListener(name, () => over.abort(), { signal: over.signal });
    }
  });

  // gradio says how long the average picture took, whatever its size: our own words below the picture say it of this one.
  const ours = german ? { processing: "läuft", queue: "Warteschlange" } : {};
  new MutationObserver((changes) => {
    for (const { target } of changes) {
      const place = target.parentElement?.closest(".progress-text") ?? target.querySelector?.(".progress-text");
      for (const part of (target.matches?.(".progress-text") ? target : place)?.childNodes ?? []) {
        if (part.nodeType !== Node.TEXT_NODE) continue;
        const said = part.data.replace(/\/\d+\.\d+s/, "s").replace(/processing|queue/, (word) => ours[word] ?? word);
        if (said !== part.data) part.data = said;
      }
    }
  }).observe(document.body, { subtree: true, characterData: true, childList: true });

  // A file may be dropped anywhere in a tab: it goes to the input that it was dropped on or beside, or to the tab's first. Where
  // there is none it is refused, lest the browser leave the page for it.
  const TAKES_FILES = ".block:has(input[type=file], .file-preview)"; // with what stands there already, too
  const stageBelow = (event) => {
    const stages = event.target.closest?.("[role=tabpanel]:has(.stage)")?.querySelectorAll(".stage") ?? [];
    return [...stages].find((stage) => stage.querySelector(TAKES_FILES));
  };
  const leave = () => document.querySelectorAll(".dropping").forEach((it) => it.classList.remove("dropping"));
  const inputIn = async (block) => {
    const there = () => block.querySelector("input[type=file]");
    // gradio takes the input of a file away while one stands there: its button gives it back
    if (!there()) block.querySelector(".icon-button").click();
    for (let frames = 0; !there() && frames < 120; frames++) await new Promise(requestAnimationFrame);
    return there();
  };
  const give = async (block, files) => {
    const input = await inputIn(block);
    if (!input) return;
    const carried = new DataTransfer();
    files.splice(0, input.multiple ? files.length : 1).forEach((file) => carried.items.add(file));
    input.files = carried.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  };
  document.addEventListener("dragover", (event) => {
    if (![...event.dataTransfer.types].includes("Files")) return;
    event.preventDefault();
    const stage = stageBelow(event);
    leave();
    if (stage) stage.classList.add("dropping");
    else event.dataTransfer.dropEffect = "none";
  }, true);
  document.addEventListener("dragleave", (event) => event.relatedTarget || leave());
  document.addEventListener("drop", async (event) => {
    if (!event.dataTransfer.files.length) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    const stage = stageBelow(event);
    leave();
    if (!stage) return;
    event.target.dispatchEvent(new DragEvent("dragleave", { bubbles: true })); // gradio's own mark of the place
    const place = event.target.closest(`${TAKES_FILES}, .sides > *`) ?? stage;
    const first = place.matches(TAKES_FILES) ? place : place.querySelector(TAKES_FILES);
    // of two pictures side by side, each has its own file, and what they are compared with has the third
    const blocks = first.closest(".sides") ? [...stage.querySelectorAll(TAKES_FILES)] : [first];
    const files = [...event.dataTransfer.files];
    for (const block of blocks.slice(blocks.indexOf(first))) if (files.length) await give(block, files);
  }, true);

  // Strength is a blend, so the page shows it while it is moved: the restored picture, as strong as it was made, over the one
  // that was given. For more than that it takes the picture made at full strength, where there was one.
  const full = new Map(); // the given picture and the strengths of the regions -> the picture restored at full strength
  const pair = (tab) => [...tab.querySelectorAll(".slider img")];
  const keyOf = (tab) => {
    const { given, regions } = tab.querySelector(".views")?.dataset ?? {};
    return `${given} ${regions}`;
  };
  const unmix = (tab) => {
    const restored = pair(tab)[1];
    if (!restored) return;
    if (restored.src === restored.dataset.borrowed) restored.src = restored.dataset.own; // gradio would not: to it nothing changed
    delete restored.dataset.borrowed;
    restored.style.removeProperty("opacity");
  };
  // The pictures are brought to where the slider is, beside, above or below it, as long as it is moved; smaller where there is no room.
  const bring = (hero, moved) => {
    hero.classList.remove("brought");
    const there = hero.querySelector(".slider").getBoundingClientRect();
    if (there.top >= 0 && there.bottom <= innerHeight) return;
    const beside = there.left >= moved.right || there.right <= moved.left;
    const [above, below] = beside ? [innerHeight, 0] : [moved.top, innerHeight - moved.bottom];
    const scale = Math.min(1, Math.max(above, below) / there.height);
    const top = above >= below ? 0 : innerHeight - there.height * scale;
    hero.style.setProperty("--brought", `${top - there.top}px`);
    hero.style.setProperty("--brought-scale", scale);
    hero.classList.add("brought");
  };
  const leaveBrought = () => document.querySelectorAll(".brought").forEach((hero) => hero.classList.remove("brought"));
  for (const end of ["pointerup", "pointercancel", "blur"]) addEventListener(end, leaveBrought, true);
  document.addEventListener("input", (event) => {
    if (!event.target.matches(".strength input")) return;
    const tab = event.target.closest("[role=tabpanel]");
    const restored = pair(tab)[1];
    const made = Number(tab.querySelector(".views")?.dataset.strength ?? 0);
    if (!restored || !["all", "mixed", undefined].includes(tab.dataset.shown)) return;
    tab.dataset.shown = "mixed"; // what is told is of another strength
    bring(tab.querySelector(".hero"), event.target.closest(".strength").getBoundingClientRect());
    const wanted = Number(event.target.value);
    const whole = full.get(keyOf(tab));
    const { borrowed } = restored.dataset;
    if (whole && ![whole, borrowed].includes(restored.src)) {
      restored.dataset.own = restored.src;
      // the same file by another name: what gradio puts there afterwards may be that file
      restored.dataset.borrowed = restored.src = `${whole}#borrowed`;
    }
    const most = [whole, restored.dataset.borrowed].includes(restored.src) ? 1 : made;
    restored.style.setProperty("opacity", most ? Math.min(1, wanted / most) : 1);
  });
  // A colour that is typed is chosen, too; gradio tells only of those that are picked.
  document.addEventListener("change", ({ target }) => {
    const tab = target.matches(".background input[type=text]") && target.closest("[role=tabpanel]");
    if (tab) Object.assign(tab.dataset, { since: Math.ceil(performance.now()), shown: "earlier" });
  });
  // A number beside a slider is told once it is one of the slider's, and is committed by Enter; gradio tells every key, and
  // what is outside is an error. A slider that is set back has moved, too.
  const NUMBER = ".tab-like-container input[type=number]";
  const told = (input) => input.dispatchEvent(new Event("input", { bubbles: true }));
  const within = ({ value, min, max }) => value !== "" && Number(value) >= Number(min) && Number(value) <= Number(max);
  document.addEventListener("input", (event) => {
    if (event.target.matches(NUMBER) && !within(event.target)) event.stopImmediatePropagation();
  }, true);
  document.addEventListener("change", ({ target: number }) => {
    if (!number.matches(NUMBER) || within(number)) return;
    const { min, max, value } = number;
    const before = number.closest(".block").querySelector("input[type=range]").value;
    number.value = value === "" ? before : Math.min(Number(max), Math.max(Number(min), Number(value)));
    told(number);
  }, true);
  document.addEventListener("keydown", ({ key, target }) => {
    if (key !== "Enter" || !target.matches(NUMBER)) return;
    target.blur(); // which commits it
    target.focus();
  });
  document.addEventListener("click", async (event) => {
    if (!event.target.closest("[data-testid=reset-button]")) return;
    const range = event.target.closest(".block").querySelector("input[type=range]");
    await new Promise(requestAnimationFrame); // until it is back
    told(range);
    leaveBrought();
  });
  document.addEventListener("keyup", (event) => {
    // gradio calls it released only by a pointer
    const moves = /^(Arrow|Page|Home|End)/.test(event.key);
    if (moves && event.target.matches(".strength input[type=range]")) event.target.dispatchEvent(new PointerEvent("pointerup", { bubbles: true }));
  });
  document.addEventListener("load", (event) => {
    const restored = event.target.closest?.(".slider img.fixed");
    const { borrowed } = restored?.dataset ?? {};
    if (restored?.style.opacity && restored.src !== borrowed) unmix(restored.closest("[role=tabpanel]"));
  }, true);
  new MutationObserver((changes) => {
    for (const { target: tab } of changes) {
      if (["pictures", "all"].includes(tab.dataset.shown) || tab.dataset.shown?.startsWith("earlier")) unmix(tab);
    }
  }).observe(document.body, { subtree: true, attributeFilter: ["data-shown"] });
  // what was made at full strength is kept as soon as its words are there
  new MutationObserver(() => {
    for (const told of document.querySelectorAll(".views[data-strength='1.0'], .views[data-strength='1']")) {
      const tab = told.closest("[role=tabpanel]");
      const restored = pair(tab)[1];
      if (restored && !restored.dataset.borrowed && ["all", undefined].includes(tab.dataset.shown)) full.set(keyOf(tab), restored.src);
    }
  }).observe(document.body, { subtree: true, childList: true, attributeFilter: ["data-shown"] });
}

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
    document.querySelectorAll(".upload-container[aria-label]").forEach((area) => area.removeAttribute("aria-label"));
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

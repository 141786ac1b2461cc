"""The page's longer passages, in HTML, by language and name. Figures are drawn with the page's own colours."""

from enhancer.degrade import STEP_NAMES
from enhancer.imaging.io import MIN_SIDE
from page.i18n.de import GERMAN
from page.limits import LARGEST_SIDE

_STEPS = {
    "en": STEP_NAMES,
    "de": tuple(GERMAN.get(name, name) for name in STEP_NAMES),
}


def _chips(language: str) -> str:
    return "".join(f"<li>{name}</li>" for name in _STEPS[language])


def _diagram(words: tuple[str, ...]) -> str:
    """Return the model as a drawing; `words`: its description, picture in, encoder, UNet, decoder, picture out, skips."""
    title, degraded, encoder, unet, decoder, restored, skips, latent, clean = words
    boxes = [
        (10, degraded, "box plain"),
        (190, encoder, "box"),
        (370, unet, "box strong"),
        (550, decoder, "box"),
        (730, restored, "box plain"),
    ]
    drawn = "".join(
        f'<rect class="{kind}" x="{x}" y="86" width="140" height="64" rx="12"/>'
        f'<text x="{x + 70}" y="123" text-anchor="middle">{text}</text>'
        for x, text, kind in boxes
    )
    arrows = "".join(
        f'<path class="arrow" d="M{x} 118h34" marker-end="url(#tip)"/>' for x in (152, 332, 512, 692)
    )
    arcs = "".join(
        f'<path class="arrow soft" d="M{250 + 10 * k} 84C{250 + 10 * k} {44 - 9 * k} {630 - 10 * k} {44 - 9 * k} {630 - 10 * k} 80" '
        'marker-end="url(#tip)"/>'
        for k in range(4)
    )
    return (
        f'<svg class="diagram" viewBox="0 0 880 176" role="img" aria-label="{title}"><defs><marker id="tip" viewBox="0 0 8 8" refX="7" '
        'refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0l8 4-8 4z"/></marker></defs>'
        f'{arcs}{drawn}{arrows}<text class="small" x="440" y="76" text-anchor="middle">{skips}</text>'
        f'<text class="small" x="350" y="170" text-anchor="middle">{latent}</text>'
        f'<text class="small" x="530" y="170" text-anchor="middle">{clean}</text></svg>'
    )


def _about(language: str, paragraphs: dict[str, str], words: tuple[str, ...]) -> str:
    parts = {name: f"<h2>{name}</h2>{text}" for name, text in paragraphs.items()}
    html = "".join(f"<section>{part}</section>" for part in parts.values())
    return (
        html.replace("{steps}", f'<ol class="chips">{_chips(language)}</ol>')
        .replace("{diagram}", _diagram(words))
        .replace("{smallest}", str(MIN_SIDE))
        .replace("{largest}", str(LARGEST_SIDE))
    )


_ABOUT_EN = _about(
    "en",
    {
        "What it is for": "<p>Avatars made of 3D Gaussian splats render faces with blurred eyes and mouths, merged hair and waxy "
        "skin. A model that has seen many pairs of clean and damaged faces puts plausible detail back, in one step. What a render "
        "has lost for good is guessed: do not take the result as proof of what somebody looks like.</p>",
        "How a clean face is damaged": "<p>A face parser finds skin, eyes, nose, mouth and hair. Each is blurred under its own soft, "
        "patchy mask; what follows bends, tints, clips, shrinks and adds noise. Every random number comes from the seed, so the same "
        "seed gives the same pixels.</p>{steps}",
        "The model": "<p>An autoencoder squeezes the picture into a small latent; a UNet, called once, turns it into the latent of a "
        "clean face; the decoder draws that, helped by four activations that skip past the middle and carry the fine structure."
        "</p>{diagram}<p>It learns by comparing its answer with the clean picture: pixel by pixel (L1), by what a trained network "
        "sees in the two (LPIPS), and by how texture repeats (Gram matrices).</p>",
        "How it is measured": "<p><b>PSNR</b> adds up differences pixel by pixel, in decibels: three more means half the squared error. "
        "<b>SSIM</b> compares local structure; 1 is identical. <b>LPIPS</b> asks a trained network how different two pictures "
        "look; lower is better. A region is scored under its own mask, so that good hair cannot hide bad eyes. Scores need the "
        "clean picture: a render by itself has none.</p>",
        "What it cannot do": "<p>One face that fills the frame, {smallest} to {largest} pixels a side. It is no upscaler and swaps no faces. Single "
        "pictures only: nothing keeps the frames of a video from flickering. The embedded checkpoint is small and its gain is modest; "
        "where the page names another one, that one is at work.</p>",
        "Your pictures": "<p>They are worked on here and deleted within two hours. Nothing else is kept, no address is fetched for you, and "
        "nobody is counted. A downloaded result says inside the file that a trained model made it, and with which settings: drop it on "
        "the page, and they are set again.</p>",
    },
    (
        "Degraded picture, encoder, UNet, decoder, restored picture; four skips lead from the encoder to the decoder",
        "Degraded", "Encoder", "UNet, once", "Decoder", "Restored", "four skips", "latent", "clean latent",
    ),
)  # fmt: skip
_ABOUT_DE = _about(
    "de",
    {
        "Wozu es dient": "<p>Avatare aus 3D-Gauß-Splats zeigen Gesichter mit unscharfen Augen und Mündern, verklebten Haaren und wächserner "
        "Haut. Ein Modell, das viele Paare sauberer und beschädigter Gesichter gesehen hat, setzt glaubhafte Einzelheiten wieder ein, in "
        "einem Schritt. Was ein Rendering ganz verloren hat, wird geraten: Das Ergebnis beweist nicht, wie jemand aussieht.</p>",
        "Wie ein sauberes Gesicht beschädigt wird": "<p>Ein Netz findet Haut, Augen, Nase, Mund und Haare. Jede Region wird unter ihrer "
        "eigenen weichen, fleckigen Maske unscharf; danach wird verbogen, getönt, beschnitten, verkleinert und verrauscht. Jede "
        "Zufallszahl kommt aus dem Startwert: Derselbe Startwert gibt dieselben Pixel.</p>{steps}",
        "Das Modell": "<p>Ein Autoencoder presst das Bild in einen kleinen latenten Raum; ein UNet, einmal aufgerufen, macht daraus das "
        "latente Bild eines sauberen Gesichts; der Decoder zeichnet es, mit Hilfe von vier Aktivierungen, die die Mitte überspringen und "
        "die feine Struktur tragen.</p>{diagram}<p>Es lernt, indem es seine Antwort mit dem sauberen Bild vergleicht: Pixel für Pixel "
        "(L1), danach, was ein trainiertes Netz in beiden sieht (LPIPS), und danach, wie sich Textur wiederholt (Gram-Matrizen).</p>",
        "Wie gemessen wird": "<p><b>PSNR</b> zählt Unterschiede Pixel für Pixel, in Dezibel: drei mehr heißt halber quadratischer Fehler. "
        "<b>SSIM</b> vergleicht örtliche Struktur; 1 ist gleich. <b>LPIPS</b> fragt ein trainiertes Netz, wie verschieden zwei Bilder "
        "aussehen; niedriger ist besser. Jede Region wird unter ihrer eigenen Maske bewertet, damit gute Haare keine schlechten Augen "
        "verdecken. Eine Bewertung braucht das saubere Bild: Ein Rendering allein hat keine.</p>",
        "Was es nicht kann": "<p>Ein Gesicht, das das Bild füllt, {smallest} bis {largest} Pixel je Seite. Es vergrößert nicht und tauscht keine "
        "Gesichter. Nur Einzelbilder: Nichts hält die Bilder eines Films vom Flackern ab. Der eingebaute Modellstand ist klein und sein "
        "Gewinn bescheiden; wo die Seite einen anderen nennt, arbeitet jener.</p>",
        "Ihre Bilder": "<p>Sie werden hier bearbeitet und binnen zwei Stunden gelöscht. Sonst bleibt nichts, keine Adresse wird für Sie "
        "abgerufen, und niemand wird gezählt. Ein heruntergeladenes Ergebnis sagt in der Datei, dass ein trainiertes Modell es machte und "
        "mit welchen Einstellungen: Legen Sie es auf die Seite, und sie sind wieder gesetzt.</p>",
    },
    (
        "Beschädigtes Bild, Encoder, UNet, Decoder, restauriertes Bild; vier Sprünge führen vom Encoder zum Decoder",
        "Beschädigt", "Encoder", "UNet, einmal", "Decoder", "Restauriert", "vier Sprünge", "latent", "sauber, latent",
    ),
)  # fmt: skip

PASSAGES = {
    "en": {
        "header": "<h1>Splat Enhancer</h1><p>Faces rendered from Gaussian splats come out soft and waxy. This puts the detail "
        "back in one step, and measures what it won, region by region.</p>",
        "footer": "<p>The example heads are renders of people who do not exist. Pictures you bring are deleted within two hours.</p>",
        "waking": "<p role='status'>Waking up: after a pause the model takes some ten seconds to load.</p>",
        "nothing yet": "<p role='status'>Nothing restored yet: drop a render on the left. It is taken as it is, transparency kept.</p>",
        "difference": "<p>The brighter, the further apart; amplified four times. Black is equal.</p>",
        "files": "<p>PNG without loss. Each file holds the settings it was made with: drop it on the page to set them again.</p>",
        "batch": "<p>Up to 20 pictures in one go. A picture that cannot be used is named, the rest is still done.</p>",
        "about": _ABOUT_EN,
    },
    "de": {
        "header": "<h1>Splat Enhancer</h1><p>Gesichter aus Gauß-Splats sind weich und wächsern. Hier kommen die Einzelheiten in "
        "einem Schritt zurück, und gemessen wird, was das bringt, Region für Region.</p>",
        "footer": "<p>Die Beispielköpfe sind Renderings von Menschen, die es nicht gibt. Bilder, die Sie bringen, werden binnen zwei "
        "Stunden gelöscht.</p>",
        "waking": "<p role='status'>Wacht auf: Nach einer Pause braucht das Modell etwa zehn Sekunden.</p>",
        "nothing yet": "<p role='status'>Noch nichts restauriert: Legen Sie links ein Rendering ab. Es wird genommen, wie es ist; "
        "Durchsichtigkeit bleibt.</p>",
        "difference": "<p>Je heller, desto verschiedener; vierfach verstärkt. Schwarz ist gleich.</p>",
        "files": "<p>PNG ohne Verlust. Jede Datei enthält die Einstellungen, mit denen sie entstand: Auf der Seite abgelegt, sind sie "
        "wieder gesetzt.</p>",
        "batch": "<p>Bis zu 20 Bilder auf einmal. Ein unbrauchbares Bild wird genannt, der Rest wird trotzdem gemacht.</p>",
        "about": _ABOUT_DE,
    },
}

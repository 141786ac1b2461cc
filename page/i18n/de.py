"""The page's words in German, by their English."""

from enhancer.imaging.io import MIN_SIDE
from enhancer.service import NO_FACE, TILED
from page.limits import LARGEST_FILE, LARGEST_SIDE

DROP_HERE = f"Drop a picture of a face here, or click to choose.  {MIN_SIDE} to {LARGEST_SIDE} pixels a side, at most {LARGEST_FILE} MB."
GERMAN = {
    # modes
    "Try it": "Ausprobieren",
    "My render": "Mein Rendering",
    "Batch": "Stapel",
    "How it works": "So funktioniert es",
    # inputs
    "Pick a face": "Ein Gesicht wählen",
    "or drop a clean picture": "oder ein sauberes Bild ablegen",
    "Your render": "Ihr Rendering",
    DROP_HERE: f"Ein Bild eines Gesichts hier ablegen oder klicken.  {MIN_SIDE} bis {LARGEST_SIDE} Pixel je Seite, "
        f"höchstens {LARGEST_FILE} MB.",
    "The picture to restore": "Das Bild, das restauriert wird",
    "Restore": "Restaurieren",
    "Other damage": "Andere Schäden",
    "Stop": "Anhalten",
    "Damage": "Schäden",
    "Preset": "Voreinstellung",
    "Two recipes of damage; v2 is the later one.": "Zwei Rezepte für Schäden; v2 ist das neuere.",
    "Seed": "Startwert",
    "The same seed gives the same damage.": "Derselbe Startwert gibt dieselben Schäden.",
    "Skin": "Haut",
    "Eyes": "Augen",
    "Nose": "Nase",
    "Mouth": "Mund",
    "Hair": "Haare",
    "Restoration": "Restaurierung",
    "Strength": "Stärke",
    "0 keeps the picture as it came, 1 takes the restored one.":
        "0 lässt das Bild, wie es kam, 1 nimmt das restaurierte.",
    "Background": "Hintergrund",
    "Stands behind transparent parts while the model works.":
        "Steht hinter durchsichtigen Teilen, während das Modell arbeitet.",
    "Scores: give the clean picture too": "Bewertung: das saubere Bild dazugeben",
    "The same view, clean": "Dieselbe Ansicht, sauber",
    "The clean picture": "Das saubere Bild",
    "Checkpoint": "Modellstand",
    # result
    "Before and after": "Vorher und nachher",
    "Divider: before to the left, after to the right": "Teiler: links vorher, rechts nachher",
    "What improved": "Was besser wurde",
    "dB won, by region": "Gewonnene dB je Region",
    "The face, its regions green where they improved and red where they did not":
        "Das Gesicht, seine Regionen grün, wo sie besser wurden, rot, wo nicht",
    "Close-ups": "Aus der Nähe",
    "Eyes and mouth": "Augen und Mund",
    "Difference": "Unterschied",
    "Before, against clean": "Vorher gegen sauber",
    "After, against clean": "Nachher gegen sauber",
    "After, against before": "Nachher gegen vorher",
    "The 14 steps": "Die 14 Schritte",
    "The 14 steps of the damage": "Die 14 Schritte der Beschädigung",
    "Step": "Schritt",
    "Pictures": "Bilder",
    "Clean": "Sauber",
    "Before": "Vorher",
    "Restored": "Restauriert",
    "before": "vorher",
    "after": "nachher",
    "clean": "sauber",
    "This picture tells how it was made: its settings are set now.":
        "Dieses Bild sagt, wie es entstand: Seine Einstellungen sind jetzt gesetzt.",
    # told about a result
    "Restored in": "Restauriert in",
    "on": "auf",
    "regions from": "Regionen von",
    "label map": "Labelkarte",
    "closer to the clean picture": "näher am sauberen Bild",
    "further from the clean picture": "weiter weg vom sauberen Bild",
    "No scores: they say how close a picture is to its clean original,":
        "Keine Bewertung: Sie sagt, wie nah ein Bild an seinem sauberen Original ist,",
    "and this one came without.": "und dieses kam ohne.",
    "Scores against the clean picture: before → after": "Bewertung gegen das saubere Bild: vorher → nachher",
    "Region": "Region",
    "Whole picture": "Ganzes Bild",
    "higher is better": "höher ist besser",
    "lower is better": "niedriger ist besser",
    "How small the differences from the clean picture are, pixel by pixel":
        "Wie klein die Unterschiede zum sauberen Bild sind, Pixel für Pixel",
    "How well local structure matches the clean picture; 1 is identical":
        "Wie gut die örtliche Struktur zum sauberen Bild passt; 1 ist gleich",
    "How different the two look to a trained network; 0 is identical":
        "Wie verschieden die beiden für ein trainiertes Netz aussehen; 0 ist gleich",
    "too few pixels": "zu wenige Pixel",
    "not available": "nicht verfügbar",
    "better": "besser",
    "worse": "schlechter",
    "same": "gleich",
    # steps of the damage
    "clean input": "sauberes Bild",
    "face parsing": "Regionen",
    "skin blur": "Haut unscharf",
    "eye blur": "Augen unscharf",
    "nose blur": "Nase unscharf",
    "mouth blur": "Mund unscharf",
    "hair blur": "Haare unscharf",
    "geometric warp": "Verzerrung",
    "surface blur": "Flächen unscharf",
    "brightness and clamps": "Helligkeit und Grenzen",
    "overall blur": "alles unscharf",
    "desaturation": "blassere Farben",
    "downscale": "halbe Auflösung",
    "noise": "Rauschen",
    # batch
    "Pictures of faces": "Bilder von Gesichtern",
    "They are clean: damage them first, then score them": "Sie sind sauber: erst beschädigen, dann bewerten",
    "Leave off for real renders.": "Für echte Renderings aus lassen.",
    "Restore all": "Alle restaurieren",
    "Restored pictures": "Restaurierte Bilder",
    "Everything as a ZIP: pictures and scores.csv": "Alles als ZIP: Bilder und scores.csv",
    "Picture": "Bild",
    "Time": "Zeit",
    "done": "fertig",
    "Stopped.": "Angehalten.",
    "Link": "Link",
    "Copy a link to these settings": "Einen Link auf diese Einstellungen kopieren",
    "Opens the page with this example and these settings.": "Öffnet die Seite mit diesem Beispiel und diesen Einstellungen.",
    "of": "von",
    # messages and notes
    "A link carries settings, not pictures. Choose an example first.":
        "Ein Link trägt Einstellungen, keine Bilder. Wählen Sie zuerst ein Beispiel.",
    "This link asks for something that is not here; the first example is shown instead.":
        "Dieser Link verlangt etwas, das es hier nicht gibt; gezeigt wird stattdessen das erste Beispiel.",
    "Pictures are not fetched from other addresses. Upload the picture, or send it as a data: address.":
        "Bilder werden nicht von anderen Adressen geholt. Laden Sie das Bild hoch, oder senden Sie es als data:-Adresse.",
    "There is no picture yet. Drop one on the page, or choose an example.":
        "Noch ist kein Bild da. Legen Sie eines auf die Seite, oder wählen Sie ein Beispiel.",
    "There are no pictures yet. Drop some on the page.": "Noch sind keine Bilder da. Legen Sie welche auf die Seite.",
    "{count} pictures are too many at once: {most} are taken. Give the rest afterwards.":
        "{count} Bilder sind zu viele auf einmal: {most} werden genommen. Geben Sie die übrigen danach.",
    "This machine ran out of memory. Try again in a minute, or with a smaller picture.":
        "Der Speicher reicht gerade nicht. Versuchen Sie es in einer Minute wieder, oder mit einem kleineren Bild.",
    "The full model runs on a processor here, not on a GPU. This picture takes about":
        "Das große Modell läuft hier auf einem Prozessor, nicht auf einer GPU. Dieses Bild dauert etwa",
    NO_FACE: "Kein Gesicht wurde gefunden, oder es ist zu klein: Was Region für Region geschieht, fand nichts vor, "
        "und das Modell kennt nur Gesichter.",
    TILED: "Das Bild war für den Speicher dieser Maschine zu groß und wurde deshalb in überlappenden Kacheln restauriert.",
}  # fmt: skip

# Sentences with something quoted in them, {so}: by their English, which other rooms make.
GERMAN_SENTENCES = {
    "This file {problem}": "Diese Datei {problem}",
    "It {problem}": "Sie {problem}",
    "The label map cannot be read. {problem}": "Die Labelkarte kann nicht gelesen werden. {problem}",
    "is {size} pixels; each side must be {least} to {most} pixels. {advice}":
        "hat {size} Pixel; jede Seite muss {least} bis {most} Pixel haben. {advice}",
    "Scale it down first.": "Verkleinern Sie sie zuerst.",
    "Give a larger picture.": "Nehmen Sie ein größeres Bild.",
    "is far larger than {size} pixels, the most taken here, and was not decoded. {advice}":
        "ist viel größer als {size} Pixel, mehr wird hier nicht genommen, und wurde nicht gelesen. {advice}",
    "has {size} MB; at most {most} MB are taken. Save it as a smaller file.":
        "hat {size} MB; höchstens {most} MB werden genommen. Speichern Sie sie kleiner.",
    "is not a picture that can be read here. Give a PNG, JPEG, WebP, BMP, TIFF or GIF file.":
        "ist kein Bild, das hier gelesen werden kann. Nehmen Sie PNG, JPEG, WebP, BMP, TIFF oder GIF.",
    "is empty (0 bytes). Give a PNG, JPEG, WebP, BMP, TIFF or GIF file.":
        "ist leer (0 Bytes). Nehmen Sie PNG, JPEG, WebP, BMP, TIFF oder GIF.",
    "is damaged or cut off ({reason}). Save or download it again.":
        "ist beschädigt oder abgeschnitten ({reason}). Speichern oder laden Sie sie noch einmal.",
    "is fully transparent: there is nothing to see. Give a picture with visible pixels.":
        "ist ganz durchsichtig: Es gibt nichts zu sehen. Nehmen Sie ein Bild mit sichtbaren Pixeln.",
    "The label map is {size} pixels, but its picture is {other}. Give the label map of this very picture, at the same size.":
        "Die Labelkarte hat {size} Pixel, ihr Bild aber {other}. Nehmen Sie die Labelkarte genau dieses Bildes, in gleicher Größe.",
    "The reference is {size} pixels, but its picture is {other}. Give the reference of this very picture, at the same size.":
        "Das saubere Bild hat {size} Pixel, das andere aber {other}. Nehmen Sie das saubere Bild zu genau diesem, in gleicher Größe.",
    "No {net}: {reason}. The other scores are not affected.":
        "Kein {net}: {reason}. Die anderen Werte sind davon nicht berührt.",
    "the package {package} is not installed": "Das Paket {package} ist nicht installiert",
    "The face parser {name} cannot be had now, so the small embedded one finds the regions.":
        "Der Gesichtsparser {name} ist jetzt nicht zu haben; der kleine eingebaute findet die Regionen.",
    "The checkpoint {name} cannot be had now, so the small embedded one is at work.":
        "Der Modellstand {name} ist jetzt nicht zu haben; der kleine eingebaute arbeitet.",
}  # fmt: skip

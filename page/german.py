"""The page's words in German, by their English."""

from enhancer.service import NO_FACE, TILED

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
    "Drop a picture of a face here, or click to choose.  128 to 2048 pixels a side, at most 32 MB.":
        "Ein Bild eines Gesichts hier ablegen oder klicken.  128 bis 2048 Pixel je Seite, höchstens 32 MB.",
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
    "of": "von",
    # messages and notes
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

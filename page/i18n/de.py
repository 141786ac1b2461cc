"""German: the page's words by their English, its messages by their codes, and its longer passages."""

from enhancer.degrade import STEP_NAMES
from enhancer.imaging.io import MIN_SIDE
from page.i18n.about import about
from page.i18n.en import DROP_HERE
from page.limits import LARGEST_FILE, LARGEST_SIDE, LARGEST_UPLOAD, LONGEST_CLIP, SPLAT_SIZE
from page.links import CITATION, links


def number(english: str) -> str:
    """Return a number in German notation: 1,234.5 is 1.234,5."""
    return english.translate(str.maketrans(".,", ",."))


WORDS = {
    # modes
    "Splat render": "Splat-Rendering",
    "Clean picture": "Sauberes Bild",
    "Video": "Video",
    "My splat": "Mein Splat",
    "Batch": "Stapel",
    "How it works": "So funktioniert es",
    # inputs
    "Pick a face": "Ein Gesicht wählen",
    "or drop a clean picture": "oder ein sauberes Bild ablegen",
    "Pick a render of splats": "Ein Rendering von Splats wählen",
    "or drop yours": "oder Ihres ablegen",
    DROP_HERE: f"Ein Bild eines Gesichts hier ablegen oder klicken.  {MIN_SIDE} bis {LARGEST_SIDE} Pixel je Seite, "
    f"höchstens {LARGEST_FILE} MB.",
    "The picture to restore": "Das Bild, das restauriert wird",
    "Restore": "Restaurieren",
    "Open it in “Splat render”": "In „Splat-Rendering“ öffnen",
    "New seed": "Neuer Startwert",
    "Find the faces and restore each": "Die Gesichter finden und jedes restaurieren",
    "Stop": "Anhalten",
    "Degradation": "Degradation",
    "Kind": "Art",
    "14 steps, v1": "14 Schritte, v1",
    "14 steps, v2": "14 Schritte, v2",
    "2,000 splats": "2.000 Splats",
    "5,000 splats": "5.000 Splats",
    "10,000 splats": "10.000 Splats",
    "from the side": "von der Seite",
    "with needles and holes": "mit Nadeln und Löchern",
    "The 14 steps imitate splats region by region; the others fit real splats to the picture.": "Die 14 Schritte ahmen Splats "
    "Region für Region nach; die anderen passen dem Bild echte Splats an.",
    "Fitting splats to the picture": "Splats werden dem Bild angepasst",
    "Seed": "Startwert",
    "The same seed gives the same degradation.": "Derselbe Startwert gibt dieselbe Degradation.",
    "Skin": "Haut",
    "Eyes": "Augen",
    "Nose": "Nase",
    "Mouth": "Mund",
    "Hair": "Haare",
    "Restoration": "Restaurierung",
    "Strength": "Stärke",
    "0 is fidelity, the picture as it came; 1 is detail. Up to 0.6 most splats keep their PSNR.": "0 ist Treue, das Bild, wie es kam; "
    "1 ist Detail. Bis 0,6 behalten die meisten Splats ihr PSNR.",
    "Background": "Hintergrund",
    "Transparent pictures are shown and scored over it.": "Durchsichtige Bilder werden darüber gezeigt und bewertet.",
    "Scores: give the ground truth too": "Bewertung: das Original dazugeben",
    "The same view, as it should be": "Dieselbe Ansicht, wie sie sein soll",
    "The ground truth": "Das Original",
    "Checkpoint": "Modellstand",
    # result
    "Input and restored": "Eingabe und restauriert",
    "Divider: input to the left, restored to the right": "Teiler: links die Eingabe, rechts restauriert",
    "What improved": "Was besser wurde",
    "LPIPS, by region": "LPIPS je Region",
    "PSNR, by region": "PSNR je Region",
    "The face, its regions green where they improved and red where they did not": "Das Gesicht, seine Regionen grün, wo sie besser wurden, rot, wo nicht",
    "Close-ups": "Aus der Nähe",
    "What is shown large": "Was groß gezeigt wird",
    "Difference": "Unterschied",
    "Step by step": "Schritt für Schritt",
    "The degradation, step by step": "Die Degradation, Schritt für Schritt",
    "Step": "Schritt",
    "Pictures": "Bilder",
    "Input": "Eingabe",
    "Restored": "Restauriert",
    "Ground truth": "Original",
    "input": "Eingabe",
    "restored": "restauriert",
    "ground truth": "Original",
    # about a result
    "The full model runs on a processor here, not on a GPU.": "Das große Modell läuft hier auf einem Prozessor, nicht auf einer GPU.",
    "This picture takes about": "Dieses Bild dauert etwa",
    "Restored in": "Restauriert in",
    "on": "auf",
    "Face": "Gesicht",
    "Faces restored": "Gesichter restauriert",
    "regions from": "Regionen von",
    "label map": "Labelkarte",
    "lower": "niedriger",
    "higher": "höher",
    "closer to the ground truth": "näher am Original",
    "closer by LPIPS": "näher nach LPIPS",
    "further from the ground truth": "weiter weg vom Original",
    "further by LPIPS": "weiter weg nach LPIPS",
    "No scores: they say how close a picture is to its ground truth, and none was given.": "Keine Bewertung: Sie sagt, wie nah ein Bild an seinem Original ist, und keines kam mit.",
    "Scores against the ground truth": "Bewertung gegen das Original",
    "Region": "Region",
    "Whole picture": "Ganzes Bild",
    "higher is better": "höher ist besser",
    "lower is better": "niedriger ist besser",
    "How small the differences from the ground truth are, pixel by pixel": "Wie klein die Unterschiede zum Original sind, Pixel für Pixel",
    "How well local structure matches the ground truth; 1 is identical": "Wie gut die örtliche Struktur zum Original passt; 1 ist gleich",
    "How different the two look to a trained network; 0 is identical": "Wie verschieden die beiden für ein trainiertes Netz aussehen; 0 ist gleich",
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
    "Gaussians as drawn": "Gaußglocken, wie gezogen",
    "needles": "Nadeln",
    "haze": "Schleier",
    "floaters": "Flecken vor dem Hintergrund",
    "strands": "Haare im Gesicht",
    "mottling": "fleckige Haut",
    "holes": "Löcher",
    # two pictures
    "Where B is better": "Wo B besser ist",
    "Compare": "Vergleich",
    "Compare both": "Beide vergleichen",
    "as it is": "wie es ist",
    "as it is: restored before by": "wie es ist: schon restauriert von",
    "restored by": "restauriert von",
    "no": "nein",
    "Restore A first": "A vorher restaurieren",
    "Restore B first": "B vorher restaurieren",
    "scored against": "bewertet an",
    "Ground truth, for scores": "Original, zum Bewerten",
    "Divider: A to the left, B to the right": "Teiler: links A, rechts B",
    # batch
    "Pictures of faces": "Bilder von Gesichtern",
    "They are clean: degrade them first, then score them": "Sie sind sauber: erst degradieren, dann bewerten",
    "Leave off for real renders.": "Für echte Renderings aus lassen.",
    "Restore all": "Alle restaurieren",
    "The same views, clean": "Dieselben Ansichten, sauber",
    "Scores: give the clean pictures too": "Bewertung: die sauberen Bilder dazugeben",
    "Everything as a ZIP: pictures, scores.csv and settings.json": "Alles als ZIP: Bilder, scores.csv und settings.json",
    "Picture": "Bild",
    "pictures": "Bildern",  # behind "von"
    "Mean ± standard deviation": "Mittel ± Standard\u00adabweichung",
    "Clean pictures that no render goes with": "Saubere Bilder, zu denen kein Rendering gehört",
    "Not restored.": "Nicht restauriert.",
    "done": "fertig",
    "Stopped.": "Angehalten.",
    "Stopping after this picture.": "Hält nach diesem Bild an.",
    "Link": "Link",
    "Copy a link to this result": "Einen Link auf dieses Ergebnis kopieren",
    "Opens the page with this example and these settings.": "Öffnet die Seite mit diesem Beispiel und diesen Einstellungen.",
    "of": "von",
    # clips
    "A clip of a face": "Ein Clip eines Gesichts",
    "Take the example": "Das Beispiel nehmen",
    "Steadiness": "Ruhe",
    "0 is frame by frame; up to 1, frames are evened out along the motion before they are restored.": "0 ist Bild für Bild; bis 1 werden "
    "die Einzelbilder entlang der Bewegung ausgeglichen, bevor sie restauriert werden.",
    "Download MP4": "MP4 herunterladen",
    "Master: PNG frames": "Master: PNG-Bilder",
    "Master: ProRes 4444": "Master: ProRes 4444",
    "Play": "Abspielen",
    "Pause": "Pause",
    "Place in the clip": "Stelle im Clip",
    "frames": "Einzelbilder",
    "frame": "Einzelbild",
    "Waiting for its turn.": "Wartet, bis es an der Reihe ist.",
    "min": "min",
    "takes about": "dauert etwa",
    "s of a GPU": "s einer GPU",
    "still": "noch",
    "Rendering": "Rendern",
    "Restoring": "Restaurieren",
    "Writing the files": "Die Dateien werden geschrieben",
    "What is done is here.": "Was fertig ist, ist hier.",
    "Flicker: input → restored": "Flackern: Eingabe → restauriert",
    "Warping error, thousandths": "Warping-Fehler, Tausendstel",
    "How far each frame is from the one before it, brought along the clip's own motion: the mean squared difference, in "
    "thousandths (Lai et al. 2018)": "Wie weit jedes Einzelbild von dem vor ihm abweicht, das der Bewegung des Clips nachgeführt wurde: "
    "der mittlere quadratische Unterschied, in Tausendsteln (Lai et al. 2018)",
    "Sharper frames differ more, so a clip that was still gets a little more. Below, the middle column of every frame, from the "
    "first to the last: what flickers is grain.": "Schärfere Einzelbilder unterscheiden sich mehr, ein Clip, der ruhig war, bekommt deshalb "
    "etwas mehr. Darunter die mittlere Spalte jedes Einzelbilds, vom ersten zum letzten: Was flackert, ist körnig.",
    # clouds of Gaussians
    "A cloud of Gaussians": "Eine Wolke von Gauß-Splats",
    "Turn": "Drehen",
    "Tilt": "Neigen",
    "Zoom": "Zoom",
    "Height": "Höhe",
    "Restore this view": "Diese Ansicht restaurieren",
    "How the file is read": "Wie die Datei gelesen wird",
    "guessed": "geraten",
    "Up": "Oben",
    "Where the face looks": "Wohin das Gesicht blickt",
    "Quaternions": "Quaternionen",
    "Scales": "Größen",
    "Opacities": "Deckkraft",
    "Colours": "Farben",
    "Left-handed axes, as in Unity": "Linkshändige Achsen, wie in Unity",
    "Arc, degrees": "Bogen, Grad",
    "360 is once round; less is to one side, to the other and back.": "360 ist einmal herum; weniger ist zur einen Seite, zur anderen "
    "und zurück.",
    "Turntable": "Drehteller",
    "Gaussians": "Gauß-Splats",
    "The cloud from this side; drag to turn it": "Die Wolke von dieser Seite; ziehen, um sie zu drehen",
}

# What each `enhancer.messages.Message` is in German. It names the values that the English names.
MESSAGES = {
    # what a picture is called in the sentences below
    "name.file": "Diese Datei",
    "name.picture": "Sie",
    "name.reference": "Ihr sauberes Bild {file}",
    # pictures
    "picture.none": "Noch ist kein Bild da. Legen Sie eines auf die Seite, oder wählen Sie ein Beispiel.",
    "picture.elsewhere": "Bilder werden nicht von anderen Adressen geholt. Laden Sie das Bild hoch, oder senden Sie es als data:-Adresse.",
    "picture.unopened": "{name} kann nicht geöffnet werden: {reason}. Prüfen Sie den Pfad.",
    "file.pointer": "{name} ist ein Git-LFS-Zeiger, ein kurzer Text an der Stelle der Datei. Rufen Sie dort, wohin geklont "
    "wurde, `git lfs pull` auf, oder laden Sie die Datei herunter.",
    "picture.empty": "{name} ist leer (0 Bytes). Nehmen Sie PNG, JPEG, WebP, AVIF, BMP, TIFF, GIF, TGA oder Radiance HDR.",
    "picture.unknown": "{name} ist kein Bild, das hier gelesen werden kann. Nehmen Sie PNG, JPEG, WebP, AVIF, BMP, TIFF, GIF, TGA oder Radiance HDR.",
    "picture.damaged": "{name} ist beschädigt oder abgeschnitten ({reason}). Speichern oder laden Sie sie noch einmal.",
    "picture.heavy": "{name} hat {megabytes:.0f} MB; höchstens {most} MB werden genommen. Speichern Sie sie kleiner.",
    "picture.far_larger": "{name} ist viel größer als {most}x{most} Pixel, mehr wird hier nicht genommen, und wurde nicht gelesen. "
    "Verkleinern Sie sie zuerst.",
    "picture.large": "{name} hat {width}x{height} Pixel; jede Seite muss {least} bis {most} Pixel haben. Verkleinern Sie sie zuerst.",
    "picture.small": "{name} hat {width}x{height} Pixel; jede Seite muss {least} bis {most} Pixel haben. Nehmen Sie ein größeres Bild.",
    "picture.transparent": "{name} ist ganz durchsichtig: Es gibt nichts zu sehen. Nehmen Sie ein Bild mit sichtbaren Pixeln.",
    "picture.grey": "{name} enthält Werte von {low:g} bis {high:g}; ganzzahliges Grau muss zwischen 0 und {white:g} liegen. "
    "Rechnen Sie sie um, oder speichern Sie mit 8 Bit.",
    "picture.light": "{name} enthält lineares Licht von {low:g} bis {high:g}; fast alles davon muss zwischen 0 und 1 liegen. Rechnen Sie es zuerst um.",
    "picture.float": "{name} ist ein Bild aus Gleitkommazahlen, das hier nicht gelesen werden kann: OpenEXR, beschädigt, oder nicht mit 32 Bit. "
    "Speichern Sie als PNG mit 16 Bit, als TIFF mit 32-Bit-Gleitkomma oder als Radiance HDR.",
    "note.premultiplied": "Keine Farbe dieses Bildes übersteigt sein Alpha, als wären sie damit multipliziert. Sind sie es, geben Sie --premultiplied an.",
    "note.linear": "Das Bild enthält lineares Licht: Es wurde nach sRGB umgerechnet.",
    "note.clipped": "Was darin dunkler als 0 oder heller als 1 ist, wurde abgeschnitten.",
    "note.eight_bits": "Das Bild hat 16 Bit je Kanal, das Ergebnis 8 (restore --bits 16 auf der Kommandozeile erhält sie).",
    "array.shape": "{name} hat die Form {shape}. Geben Sie Höhe, Breite und {channels} Kanäle.",
    "array.type": "{name} ist vom Typ {dtype}. Geben Sie Gleitkommazahlen von 0 bis 1: Teilen Sie 8-Bit-Werte durch 255.",
    "array.range": "{name} enthält Werte von {low:g} bis {high:g}. Geben Sie Werte von 0 bis 1: Teilen Sie 8-Bit-Werte durch 255.",
    "lpips.not_finite": "die Gewichte von {title} in {path} sind beschädigt: {name} enthält Werte, die unendlich oder keine Zahlen sind. "
    "Holen Sie die Datei noch einmal.",
    "checkpoint.not_finite": "Der Modellstand antwortet mit Werten, die unendlich oder keine Zahlen sind; so gibt es kein Bild. "
    "Er ist beschädigt, oder dieses Bild ist zu weit von denen entfernt, an denen er gelernt hat: Versuchen Sie ein anderes.",
    "picture.restored_before": "Dieses Bild wurde schon restauriert: Als sauberes Bild genommen, macht es die Bewertung besser, als sie ist. Um es noch einmal zu restaurieren, öffnen Sie es in „Splat-Rendering“.",
    "picture.restored_again": "Dieses Bild wurde schon restauriert: Was gezeigt wird, ist zum zweiten Mal restauriert.",
    "picture.settings_read": "Dieses Bild sagt, wie es entstand: Seine Einstellungen sind jetzt gesetzt.",
    # label maps and references
    "labels.unreadable": "Die Labelkarte kann nicht gelesen werden. {problem}",
    "labels.lossy": "Die Labelkarte ({name}) ist JPEG, das die Nummern verändert. Speichern Sie sie als PNG in Graustufen oder mit Palette.",
    "labels.colours": "Die Labelkarte ({name}) hat den Modus {mode}. Speichern Sie sie als PNG in Graustufen oder mit Palette.",
    "labels.shape": "Eine Labelkarte ist ein Kanal ganzer Nummern; diese hat die Form {shape} vom Typ {dtype}. "
    "Speichern Sie sie als PNG in Graustufen oder mit Palette, dessen Werte die Nummern sind.",
    "labels.id": "Die Labelkarte enthält die Nummer {id}, aber nur 0 bis {last} haben Namen. "
    "Nehmen Sie die 19 Nummern von CelebAMask-HQ oder die 7 der Beispielköpfe.",
    "labels.size": "Die Labelkarte hat {size} Pixel, ihr Bild aber {wanted}. Nehmen Sie die Labelkarte genau dieses Bildes, in gleicher Größe.",
    "compare.size": "Das erste Bild hat {first} Pixel, das zweite {second}. Nehmen Sie zwei Bilder derselben Ansicht, in gleicher Größe.",
    "reference.size": "Das saubere Bild hat {size} Pixel, das andere aber {wanted}. Nehmen Sie das saubere Bild zu genau diesem, in gleicher Größe.",
    "reference.scores": "Eine Bewertung braucht zwei Bilder gleicher Größe; diese haben {first} und {second} Pixel.",
    "reference.unneeded": "Ein sauberes Bild zum Vergleich gehört zu einem schon beschädigten; dieses sollte erst beschädigt werden. "
    "Lassen Sie eines von beiden weg.",
    # settings
    "settings.checkpoint": "Den Modellstand {name!r} gibt es hier nicht. Wählen Sie unter {known}.",
    "settings.preset": "Die Voreinstellung {preset!r} gibt es nicht. Wählen Sie unter {known}.",
    "settings.splat_preset": "Die Splat-Voreinstellung {preset!r} gibt es nicht. Wählen Sie unter {known}.",
    "settings.region": "Die Region {name!r} gibt es nicht. Wählen Sie unter {known}.",
    "settings.seed": "Der Startwert muss eine ganze Zahl sein, nicht {seed!r}.",
    "settings.page_seed": "Der Startwert muss eine ganze Zahl von 0 bis {most} sein; gegeben ist {given}. Tippen Sie eine.",
    "settings.page_seed_none": "nichts",
    "settings.splat_strengths": "Stärken je Region gehören zu den 14 Schritten ({steps}): {preset} passt dem ganzen Bild Splats an. "
    "Lassen Sie sie weg.",
    "stage.fitted": "Schritt {number} von {steps} der Anpassung",
    "settings.strengths": "Stärken sind Zahlen je Region, etwa {{'eyes': 0.5}}, nicht {strengths!r}.",
    "settings.strength": "Die Stärke von {region} muss zwischen 0 und 1 liegen, nicht bei {strength}.",
    "settings.restoration": "Die Stärke der Restaurierung ({name}) muss zwischen 0 und 1 liegen, nicht bei {amount!r}.",
    "settings.background": "Der Hintergrund muss eine Farbe sein, etwa '#ffffff', nicht {given!r}.",
    # links
    "link.copied": "Kopiert: Der Link öffnet die Seite mit diesem Beispiel und diesen Einstellungen.",
    "link.no_example": "Ein Link trägt Einstellungen, keine Bilder. Wählen Sie zuerst ein Beispiel.",
    "link.not_here": "Dieser Link verlangt etwas, das es hier nicht gibt; gezeigt wird stattdessen das erste Beispiel.",
    # several at once
    "batch.empty": "Noch sind keine Bilder da. Legen Sie welche auf die Seite.",
    "batch.too_many": "{count} Bilder sind zu viele auf einmal: {most} werden genommen. Geben Sie die übrigen danach.",
    "batch.no_reference": "Kein sauberes Bild heißt {name} oder {name}_reference, darum gibt es keine Bewertung.",
    # memory
    "memory.page": "Der Speicher reicht gerade nicht. Versuchen Sie es in einer Minute wieder, oder mit einem kleineren Bild.",
    "memory.tiles": "Der Speicher reicht gerade nicht für dieses Bild, auch nicht in Kacheln. "
    "Versuchen Sie es in einer Minute wieder, oder mit einem kleineren Bild.",
    # notes about a result
    "note.no_face": "Kein Gesicht wurde gefunden, oder es ist zu klein: Was Region für Region geschieht, fand nichts vor, "
    "und das Modell kennt nur Gesichter. {advice}",
    "note.doubted": "Was für ein Gesicht gehalten wurde, ist zu klein oder nicht angeordnet wie ein Gesicht; deshalb wurde keine Region für sich "
    "bewertet oder behandelt. {advice}",
    "note.each_by_itself": "Sind Gesichter im Bild klein, restaurieren Sie jedes für sich: auf der Seite mit dem Kästchen unter dem Rendering, "
    "auf der Kommandozeile mit restore --faces.",
    "note.no_faces": "Es wurde kein Gesicht gefunden, das für sich restauriert werden könnte; das Bild ist, wie es gegeben wurde. Gefunden werden "
    "Gesichter ab etwa 40 Pixeln, aufrecht oder bis 45 Grad gedreht. Restaurieren Sie das Bild als Ganzes, oder schneiden Sie es zu.",
    "faces.alone": "Gesichter werden in einem Bild, wie es ist, gefunden und einzeln restauriert: Es wird nicht erst verschlechtert und hat keine "
    "Labelkarte. Lassen Sie eines weg.",
    "note.tiled": "Das Bild war für den Speicher dieser Maschine zu groß und wurde deshalb in überlappenden Kacheln restauriert.",
    "note.parser": "Der Gesichtsparser {name} ist jetzt nicht zu haben; der kleine eingebaute findet die Regionen.",
    "note.checkpoint": "Der Modellstand {name} ist jetzt nicht zu haben; der kleine eingebaute arbeitet.",
    "note.newest_of_run": "{run} ist ein Training, das noch keinen besten Checkpoint hat; genommen wird der neueste: {name}.",
    "note.older_copy": "{reason} Genommen wird die Kopie von {name}, die am {date} geholt wurde: {commit}.",
    "note.no_cuda": "Diese Maschine hat eine NVIDIA-GPU, aber torch {torch} kann sie nicht benutzen ({reason}); deshalb arbeitet die langsame "
    "CPU. Wer sie betreibt, findet in docs/space.md die Fassung von torch für Treiber unter 580.",
    "note.lpips": "Kein {name}: {reason} Die anderen Werte sind davon nicht berührt.",
    # why there is no LPIPS
    "lpips.package": "Das Paket lpips ist nicht installiert.",
    "lpips.file": "Die Datei {path} mit den Gewichten von {title} gibt es nicht.",
    "lpips.damaged": "Die Gewichte von {title} in {path} lassen sich nicht laden ({reason}). Holen Sie die Datei noch einmal.",
    # why an older copy is at work
    "hub.offline": "HF_HUB_OFFLINE ist gesetzt, der Hub wird also nicht gefragt.",
    "hub.unreachable": "{address} ist nicht zu erreichen ({reason}).",
    "hub.trouble": "{repo} ist von {address} jetzt nicht zu haben ({reason}).",
    "hub.busy": "Der Hub bittet zu warten: zu viele Anfragen (429). Versuchen Sie es in einigen Minuten wieder.",
    "hub.failing": "Der Hub hat selbst Schwierigkeiten ({answer}).",
    # clouds of Gaussians
    "splats.unseen": "Die Kamera sieht keinen der {count} Gauß-Splats. Sie soll entlang ihrer z-Achse blicken, mit x nach rechts und "
    "y nach unten, und in der Einheit der Wolke messen.",
    "splats.unopened": "{name} kann nicht geöffnet werden: {reason}. Prüfen Sie den Pfad.",
    "splats.no_bytes": "{name} ist leer (0 Bytes). Kopieren oder exportieren Sie die Datei noch einmal.",
    "splats.empty": "{name} enthält keine Gauß-Splats. Exportieren Sie die Datei noch einmal, mit Inhalt.",
    "splats.not_finite": "{name} enthält {count} Gauß-Splats mit Zahlen, die nicht endlich sind (NaN oder unendlich). Entfernen Sie sie in "
    "einem Editor, oder trainieren Sie noch einmal.",
    "splats.memory": "{name} enthält {millions:.1f} Millionen Gauß-Splats, die {needed:.1f} GB Speicher brauchen; {free:.1f} GB sind frei. "
    "Dünnen Sie die Wolke in einem Editor aus, schneiden Sie den Kopf aus, oder nehmen Sie einen Rechner mit mehr Speicher.",
    "splats.truncated": "{name} ist abgeschnitten: Nach dem Kopf der Datei hat sie {wanted} Bytes, aber nur {got} sind da. Kopieren oder "
    "exportieren Sie sie noch einmal.",
    "splats.damaged": "{name} ist beschädigt ({problem}). Kopieren oder exportieren Sie die Datei noch einmal.",
    "splats.unknown": "{name} ist keine Datei mit Gauß-Splats, die hier gelesen werden kann. Nehmen Sie eine .ply von 3D Gaussian "
    "Splatting, eine komprimierte .ply, oder .splat, .spz, .ksplat.",
    "splats.version": "{name} ist eine .spz der Version {version}; gelesen werden 2 und 3. Exportieren Sie sie als eine davon, oder als .ply.",
    "splats.network": "{name} enthält Anker und Merkmale ({property}), wie Scaffold-GS sie hat: Form und Farben kommen aus einem Netz, das "
    "nicht in der Datei ist. Exportieren Sie die Gauß-Splats einer Ansicht als .ply von 3D Gaussian Splatting.",
    "splats.bound": "{name} enthält Gauß-Splats, die an die Dreiecke eines Netzes gebunden sind ({property}), wie bei GaussianAvatars und "
    "SplattingAvatar: Ohne das Netz sind sie am falschen Ort. Exportieren Sie ein Einzelbild in Weltkoordinaten.",
    "splats.time": "{name} enthält Gauß-Splats, die sich mit der Zeit ändern ({property}), wie 4D Gaussian Splatting sie hat. Exportieren "
    "Sie einen Augenblick als .ply von 3D Gaussian Splatting.",
    "splats.incomplete": "{name} fehlt {missing}, was Gauß-Splats brauchen. Exportieren Sie die Datei als .ply von 3D Gaussian Splatting.",
    "splats.mesh": "{name} ist ein Dreiecksnetz ({vertices} Punkte, {faces} Flächen), keine Wolke von Gauß-Splats. Nehmen Sie die .ply, die "
    "das Training geschrieben hat, oft point_cloud/iteration_30000/point_cloud.ply.",
    "splats.points": "{name} ist eine Wolke von {points} Punkten ohne Größe und Drehung, oft das, womit ein Training beginnt. Nehmen Sie die "
    ".ply, die das Training geschrieben hat, oft point_cloud/iteration_30000/point_cloud.ply.",
    "splats.left_handed": "Die Achsen der Datei sind linkshändig; eine wurde umgedreht, sonst wäre alles gespiegelt.",
    "splats.views": "Die Farben ändern sich stark mit dem Blick (im Mittel um {percent:.0f} %). Wurde die Wolke in einem Editor gedreht, der "
    "ihre Kugelflächenfunktionen ließ, wie sie waren, so sind sie von jeder Seite falsch: Drehen Sie stattdessen die Kamera.",
    "splats.degree": "Die Kugelflächenfunktionen sind vom Grad {degree}; die über 3 fallen weg, der feinste Teil der Spiegelungen.",
    "splats.filter": "Der 3D-Filter von Mip-Splatting (filter_3D) ist in Größen und Deckkraft eingerechnet.",
    "splats.linear_scales": "Keine Größe liegt unter 0, daher wurden sie als Längen genommen, nicht als Logarithmen. Sagen Sie es, wenn es "
    "Logarithmen sind.",
    "splats.flat": "Dies sind flache Scheiben mit zwei Größen (2D Gaussian Splatting); die dritte wird {percent:g} % der kleineren.",
    "splats.linear_opacities": "Alle Werte der Deckkraft liegen zwischen 0 und 1, daher wurden sie genommen, wie sie sind, nicht als Logits. "
    "Sagen Sie es, wenn es Logits sind.",
    "splats.rgb": "Alle Farben liegen zwischen 0 und {most}, daher wurden sie als RGB genommen, nicht als Kugelflächenfunktionen. Sagen Sie "
    "es, wenn es solche sind.",
    # cameras
    "cameras.size": "Die Kamera {camera} macht Bilder von {width}x{height} Pixeln; eine Seite hat 1 bis {most}. Verkleinern Sie die Größe und "
    "die Brennweite.",
    "cameras.lens": "Die Kamera {camera} hat die Brennweiten {fx:g} und {fy:g} und den Hauptpunkt {cx:g}, {cy:g}. Geben Sie Zahlen in Pixeln "
    "an, die Brennweiten über 0.",
    "cameras.pose": "Die Lage der Kamera {camera} ist keine Drehung und Verschiebung: Ihre Matrix ist singulär, gespiegelt, geschert oder nicht "
    "endlich. Exportieren Sie die Kameras noch einmal.",
    "cameras.orbit": "Eine Kreisfahrt braucht mindestens 1 Kamera und 1 Gauß-Splat, eine Höhe zwischen -90 und 90 Grad und einen Bogen über 0 "
    "und bis 360; gegeben sind {count} Kameras, {gaussians} Gauß-Splats, {elevation:g} und {arc:g} Grad.",
    "cameras.guessed": "Als oben wurde {up} genommen, und dass das Gesicht nach {front} blickt. Liegt der Kopf auf der Seite oder zeigt er den "
    "Hinterkopf, so geben Sie an, wo oben und vorn ist.",
    "cameras.axis": "{axis} ist keine Richtung. Nehmen Sie x, -x, y, -y, z, -z, oder drei Zahlen, die nicht alle 0 sind.",
    "cameras.parallel": "Oben und vorn sind dieselbe Richtung, oder entgegengesetzte. Geben Sie zwei verschiedene an.",
    "cameras.none": "{name} enthält keine Kameras. Exportieren Sie sie noch einmal, oder nehmen Sie eine Kreisfahrt.",
    "cameras.distortion": "{count} von {cameras} Kameras haben ein Objektiv mit Verzeichnung, die wegbleibt: Die Bilder sind die einer "
    "Lochkamera. Vergleichen Sie sie mit entzerrten Fotos.",
    "cameras.unopened": "{name} kann nicht geöffnet werden: {reason}. Prüfen Sie den Pfad.",
    "cameras.missing": "{name} fehlt {missing}, was eine Kamera braucht. Exportieren Sie die Kameras noch einmal, damit.",
    "cameras.damaged": "{name} ist nicht zu verstehen ({problem}). Exportieren Sie die Kameras noch einmal.",
    "cameras.unknown": "{name} enthält keine Kameras, die hier gelesen werden können. Nehmen Sie eine transforms.json von nerfstudio, eine "
    "cameras.json von 3D Gaussian Splatting, oder den Ordner eines Modells von COLMAP mit cameras und images als .bin oder .txt, oft sparse/0.",
    "cameras.json": "{name} ist kein JSON ({problem}). Exportieren Sie die Kameras noch einmal, oder nehmen Sie eine andere Datei.",
    # clips
    "detection.weights": "Der Gesichtsfinder {name} kann nicht gelesen werden. Installieren Sie das Paket neu, oder klonen Sie das Repository neu.",
    "note.flattened": "Der Clip ist durchsichtig und wurde über Weiß gelegt: Eine .mov oder ein Ordner mit Einzelbildern behält die Transparenz.",
    "video.no_av": "Clips brauchen das Paket av: pip install 'splat-enhancer[video]'. Ein Ordner mit Einzelbildern geht ohne.",
    "video.no_frames": "Der Ordner {folder} enthält keine Bilder.",
    "video.missing": "Es gibt keine Datei {path}. Prüfen Sie den Pfad.",
    "video.unknown": "{name} ist kein Video, das hier gelesen werden kann. Nehmen Sie eine Datei der Art MP4, MOV, WebM, MKV, GIF oder APNG.",
    "video.empty": "{name} hat kein Einzelbild, das sich lesen lässt.",
    "video.damaged": "{name} ist beschädigt oder abgeschnitten ({reason}). Speichern oder laden Sie das Video noch einmal.",
    "video.hdr": "{name} ist HDR ({kind}) und käme blass heraus. Wandeln Sie es zuerst in SDR (BT.709) um.",
    "video.size": "{name} hat {width}x{height} Pixel; jede Seite muss {least} bis {most} Pixel haben.",
    "video.changes_size": "{name} hat {width}x{height} Pixel, das erste Einzelbild {first_width}x{first_height}. Alle müssen gleich groß sein.",
    "video.interlaced": "{name} besteht aus Halbbildern: Sie wurden zusammengefügt.",
    "video.output": "Clips werden als .mp4, .mov (mit Transparenz als ProRes 4444), .mkv oder als einzelne PNG in einen Ordner geschrieben, "
    "angegeben war {name}.",
    "video.sound": "Ton der Art {codec} passt nicht in eine {suffix}-Datei. Schreiben Sie stattdessen eine .mkv.",
    "video.unwritten": "{path} kann nicht geschrieben werden ({reason}). Schaffen Sie Platz, oder wählen Sie mit -o einen anderen Ort.",
    "video.no_room": "Der Ordner {folder} kann nicht angelegt werden ({reason}). Wählen Sie mit -o einen anderen Ort.",
    "video.reference_size": "Die Referenz hat {width}x{height} Pixel, ihr Clip {clip_width}x{clip_height}. Nehmen Sie den sauberen Clip in "
    "gleicher Größe.",
    "video.reference_length": "Die Referenz hat eine andere Zahl von Einzelbildern als ihr Clip. Nehmen Sie den sauberen Clip in gleicher Länge.",
    "video.motion_count": "In {folder} führen {given} Dateien der Art .npy oder .flo in dieser Richtung ({way}), aber ein Clip aus {frames} "
    "Einzelbildern braucht {wanted}: eine für jedes Paar von Nachbarn.",
    "clip.none": "Noch ist kein Clip da. Legen Sie einen auf die Seite, oder nehmen Sie das Beispiel.",
    "clip.size": "Dieser Clip hat {width}x{height} Pixel; hier werden höchstens {most} je Seite genommen. Verkleinern Sie ihn, oder nehmen Sie "
    "die Kommandozeile.",
    "clip.cut": "Dieser Clip dauert {all:.1f} s. Genommen werden die ersten {taken:.1f} s: höchstens {most} s, und weniger von großen Einzelbildern.",
    "clip.steady": "Die Ruhe muss zwischen 0 und 1 liegen, nicht bei {given!r}.",
    "clip.silent": "Sein Ton passt nicht in eine MP4-Datei, das Ergebnis ist deshalb stumm.",
    "cloud.turned": "Sie wurde während des Restaurierens gedreht; neben einer anderen Ansicht wird das Ergebnis nicht gezeigt. "
    "Restaurieren Sie diese.",
    "cloud.none": "Noch ist keine Wolke da. Legen Sie eine auf die Seite, oder nehmen Sie das Beispiel.",
    "cloud.view": "Eine Ansicht ({name}) muss zwischen {least} und {most} liegen, nicht bei {given}.",
    "cloud.turn": "Ein Drehteller hat {least} bis {most} Bilder über 10 bis 360 Grad, nicht {frames} über {arc}.",
    "video.motion_unreadable": "Die Bewegung {path} kann nicht gelesen werden ({reason}).",
    "video.motion_shape": "Die Bewegung {path} muss endliche Zahlen der Form {wanted} enthalten, gefunden: {given}. Sie muss zu den "
    "Einzelbildern des Clips passen.",
}

_ABOUT = about(
    {
        "Wozu es dient": "<p>Avatare aus 3D-Gauß-Splats zeigen Gesichter mit unscharfen Augen und Mündern, verklebten Haaren und wächserner "
        "Haut. Ein Modell, das viele Paare sauberer und beschädigter Gesichter gesehen hat, setzt glaubhafte Einzelheiten wieder ein, in "
        "einem Schritt. Was ein Rendering ganz verloren hat, wird geraten: Das Ergebnis beweist nicht, wie jemand aussieht.</p>",
        "Wie ein sauberes Gesicht beschädigt wird": "<p>Ein Netz findet Haut, Augen, Nase, Mund und Haare. Jede Region wird unter ihrer "
        "eigenen weichen, fleckigen Maske unscharf; danach wird verbogen, getönt, beschnitten, verkleinert und verrauscht. Oder dem Bild "
        "werden echte Splats, Gaußglocken in zwei Dimensionen, angepasst und früh angehalten. Jede Zufallszahl kommt aus dem Startwert: Derselbe Startwert gibt dieselben Pixel.</p>{steps}",
        "Das Modell": "<p>Ein Autoencoder presst das Bild in einen kleinen latenten Raum; ein UNet, einmal aufgerufen, macht daraus das "
        "latente Bild eines sauberen Gesichts; der Decoder zeichnet es, mit Hilfe von vier Aktivierungen, die die Mitte überspringen und "
        "die feine Struktur tragen.</p>{diagram}<p>Es lernt, indem es seine Antwort mit dem sauberen Bild vergleicht: Pixel für Pixel "
        "(L1), danach, was ein trainiertes Netz in beiden sieht (LPIPS), und danach, wie sich Textur wiederholt (Gram-Matrizen).</p>",
        "Wie gemessen wird": "<p><b>PSNR</b> zählt Unterschiede Pixel für Pixel, in Dezibel: drei mehr heißt halber quadratischer Fehler. "
        "<b>SSIM</b> vergleicht örtliche Struktur; 1 ist gleich. <b>LPIPS</b> fragt ein trainiertes Netz, wie verschieden zwei Bilder "
        "aussehen; niedriger ist besser. Jede Region wird unter ihrer eigenen Maske bewertet, damit gute Haare keine schlechten Augen "
        "verdecken. Eine Bewertung braucht das saubere Bild: Ein Rendering allein hat keine.</p>",
        "Was es nicht kann": "<p>Ein Gesicht, das das Bild füllt, {smallest} bis {largest} Pixel je Seite. Es vergrößert nicht und tauscht keine "
        "Gesichter. Einen Clip sieht das Modell Bild für Bild: Was von Bild zu Bild anders beschädigt ist, wird vorher "
        "entlang der Bewegung ausgeglichen, und das Flackern wird weniger, nicht keines. Der eingebaute Modellstand ist klein und sein "
        "Gewinn bescheiden; wo die Seite einen anderen nennt, arbeitet jener.</p>",
        "Lizenz und Zitat": "<p>Der Code steht unter der Apache License 2.0, die Beispiele unter CC0. Die Gewichte des eingebetteten Modellstands und "
        "seines Gesichtsparsers wurden an CelebAMask-HQ und an erzeugten Gesichtern trainiert: Sie sind <b>nur für nichtkommerzielle Forschung und "
        "Lehre</b>. Ein Modellstand von anderswo hat die Bedingungen seiner Karte.</p>" + CITATION,
        "Ihre Bilder": "<p>Sie werden hier bearbeitet und binnen zwei Stunden gelöscht. Sonst bleibt nichts, keine Adresse wird für Sie "
        "abgerufen, und niemand wird gezählt. Ein heruntergeladenes Ergebnis sagt in der Datei, dass ein trainiertes Modell es machte und "
        "mit welchen Einstellungen: Legen Sie es auf die Seite, und sie sind wieder gesetzt.</p>",
    },
    (
        "Beschädigtes Bild, Encoder, UNet, Decoder, restauriertes Bild; vier Sprünge führen vom Encoder zum Decoder",
        "Beschädigt",
        "Encoder",
        "UNet, einmal",
        "Decoder",
        "Restauriert",
        "vier Sprünge",
        "latent",
        "sauber, latent",
    ),
    [WORDS[name] for name in STEP_NAMES],
)

# HTML by name.
PASSAGES = {
    "header": "<h1>Splat Enhancer</h1><p>Gesichter aus Gauß-Splats sind weich und wächsern. Hier kommen Einzelheiten in einem Schritt "
    "zurück, und gemessen wird, was das bringt. Das vergrößert nichts und beweist nicht, wie jemand aussieht: Verlorenes ist geraten.</p>",
    "footer": "<p>Die Beispielköpfe sind Renderings von Menschen, die es nicht gibt. Bilder, die Sie bringen, werden binnen zwei "
    "Stunden gelöscht.</p>"
    f"<p>Code: Apache-2.0. Die eingebetteten Gewichte: nur für nichtkommerzielle Forschung und Lehre; ein anderer Modellstand hat die Bedingungen "
    f"seiner Karte. {links({'code': 'Code', 'card': 'Modellkarte', 'licence': 'Lizenz'})}</p>",
    "waking": "<p role='status'>Wacht auf: Nach einer Pause braucht das Modell etwa zehn Sekunden.</p>",
    "compare": "<p>Zwei Bilder derselben Ansicht in einem Schieber: zwei Modellstände, zwei Anpassungen, eine Restaurierung und die von jemand "
    "anderem. Jedes wird gezeigt, wie es ist, oder erst restauriert; ein Bild allein steht auf beiden Seiten. Hier: 12.000 Gauß-Splats, wie sie sind, und 5.000, restauriert.</p>",
    "stopped": "<p role='status' data-stopped='Angehalten. Gezeigt wird das Ergebnis davor.'></p>",
    "gpu is lent": "<p role='status'>Wählen Sie ein Gesicht oder drücken Sie auf Restaurieren. Für jedes Bild wird eine GPU geliehen: Nach "
    "einer Pause braucht das erste etwa zehn Sekunden.</p>",
    "what remains": "<p>Wie stark jede Region fleckig unscharf wird. Auch wenn alle auf 0 stehen, bleiben diese Schritte: Verzerrung, "
    "Mund unscharf (der gleichmäßige Teil), Flächen unscharf, Helligkeit und Grenzen, alles unscharf, blassere Farben, halbe "
    "Auflösung und Rauschen.</p>",
    "difference": "<p>Je heller, desto verschiedener; vierfach verstärkt. Schwarz ist gleich.</p>",
    "files": "<p>PNG ohne Verlust. Jede Datei enthält die Einstellungen, mit denen sie entstand: Auf der Seite abgelegt, sind sie "
    "wieder gesetzt.</p>",
    "batch": "<p>Bis zu 20 Bilder auf einmal. Ein unbrauchbares Bild wird genannt, der Rest wird trotzdem gemacht.</p>",
    "about clips": f"<p>Bis zu {LONGEST_CLIP} s; von einem längeren Clip wird der Anfang genommen. Höchstens {LARGEST_SIDE} Pixel je Seite und "
    f"{LARGEST_UPLOAD} MB: MP4, MOV, WebM, MKV, GIF oder APNG. Der Ton bleibt.</p>",
    "no clip yet": "<p class='empty-player'>Noch kein Clip: Legen Sie links einen ab, oder nehmen Sie das Beispiel.</p>",
    "no clips here": "<p>Clips brauchen das Paket av, das hier nicht installiert ist: <code>pip install 'av&gt;=18.1,&lt;19'</code>, und die "
    "Seite neu starten.</p>",
    "about clouds": f"<p>Eine Wolke von 3D-Gauß-Splats, höchstens {LARGEST_UPLOAD} MB: .ply, auch komprimiert, .spz, .splat oder .ksplat. Drehen Sie sie, "
    "und restaurieren Sie, was Sie sehen; Durchsichtigkeit bleibt.</p>",
    "no cloud yet": "<p class='empty-player'>Noch keine Wolke: Legen Sie links eine ab, oder nehmen Sie das Beispiel.</p>",
    "turntable": f"<h2>Drehteller</h2><p>Gedreht von der Ansicht aus, die am Anfang gewählt ist, {SPLAT_SIZE}x{SPLAT_SIZE} Pixel, mit bekannter Bewegung ruhig gehalten "
    "und restauriert.</p>",
    "no view": "<p class='empty-player'>Diese Ansicht ließ sich nicht herstellen.</p>",
    "no turntable yet": "<p class='empty-player'>Noch kein Drehteller.</p>",
    "heads": "<ul><li data-head='head_01'>lange glatte braune Haare, blaue Augen</li><li data-head='head_02'>kurze dunkle Haare, "
    "Bartstoppeln, im Halbprofil</li><li data-head='head_03'>lange schwarze Haare über einem Auge</li><li data-head='head_04'>dunkle "
    "Haut mit Glanzlichtern, offener Mund mit Zähnen, Bartstoppeln</li><li data-head='head_05'>ein älteres Gesicht: Falten, graue "
    "Haare, Vollbart</li><li data-head='head_07'>ein großer lockiger Umriss feiner Haare</li><li data-head='head_02_left_30'>ein Kopf aus 5.000 Gaußglocken, "
    "von links</li><li data-head='head_02_right_40_above'>derselbe, von rechts oben</li></ul>",
    "pairs by name": "<p>Zu <b>ben_01.jpg</b> gehört <b>ben_01.png</b> oder <b>ben_01_reference.png</b>: derselbe Name, gleich "
    "welcher Dateityp; Groß- und Kleinschreibung zählt. Ein Rendering ohne sauberes Bild wird ohne Bewertung restauriert.</p>",
    "about": _ABOUT,
}

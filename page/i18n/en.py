"""English: the page's longer passages. Its words are the keys of the other languages, its messages stand where they are said."""

from enhancer.degrade import STEP_NAMES
from enhancer.imaging.io import MIN_SIDE
from page.i18n.about import about
from page.limits import LARGEST_FILE, LARGEST_SIDE, LARGEST_UPLOAD, LONGEST_CLIP, SPLAT_SIZE
from page.links import CITATION, links

DROP_HERE = f"Drop a picture of a face here, or click to choose.  {MIN_SIDE} to {LARGEST_SIDE} pixels a side, at most {LARGEST_FILE} MB."

_ABOUT = about(
    {
        "What it is for": "<p>Avatars made of 3D Gaussian splats render faces with blurred eyes and mouths, merged hair and waxy "
        "skin. A model that has seen many pairs of clean and damaged faces puts plausible detail back, in one step. What a render "
        "has lost for good is guessed: do not take the result as proof of what somebody looks like.</p>",
        "How a clean face is degraded": "<p>A face parser finds skin, eyes, nose, mouth and hair. Each is blurred under its own soft, "
        "patchy mask; what follows bends, tints, clips, shrinks and adds noise. Or real splats, Gaussians in two dimensions, are fitted "
        "to the picture and stopped early. Every random number comes from the seed, so the same seed gives the same pixels.</p>{steps}",
        "The model": "<p>An autoencoder squeezes the picture into a small latent; a UNet, called once, turns it into the latent of a "
        "clean face; the decoder draws that, helped by four activations that skip past the middle and carry the fine structure."
        "</p>{diagram}<p>It learns by comparing its answer with the clean picture: pixel by pixel (L1), by what a trained network "
        "sees in the two (LPIPS), and by how texture repeats (Gram matrices).</p>",
        "How it is measured": "<p><b>PSNR</b> adds up differences pixel by pixel, in decibels: three more means half the squared error. "
        "<b>SSIM</b> compares local structure; 1 is identical. <b>LPIPS</b> asks a trained network how different two pictures "
        "look; lower is better. A region is scored under its own mask, so that good hair cannot hide bad eyes. Scores need the "
        "clean picture: a render by itself has none.</p>",
        "What it cannot do": "<p>One face that fills the frame, {smallest} to {largest} pixels a side. It is no upscaler and swaps no faces. "
        "The model sees a clip frame by frame: damage that differs from frame to frame is evened out along the motion before, which makes "
        "the flicker less, not none. The embedded checkpoint is small and its gain is modest; "
        "where the page names another one, that one is at work.</p>",
        "Licence and citation": "<p>The code is under the Apache License 2.0, the examples are CC0. The weights of the embedded checkpoint and of "
        "its face parser were trained on CelebAMask-HQ and on generated faces: they are for <b>non-commercial research and education only</b>. A "
        "checkpoint from elsewhere has the terms of its card.</p>" + CITATION,
        "Your pictures": "<p>They are worked on here and deleted within two hours. Nothing else is kept, no address is fetched for you, and "
        "nobody is counted. A downloaded result says inside the file that a trained model made it, and with which settings: drop it on "
        "the page, and they are set again.</p>",
    },
    (
        "Degraded picture, encoder, UNet, decoder, restored picture; four skips lead from the encoder to the decoder",
        "Degraded",
        "Encoder",
        "UNet, once",
        "Decoder",
        "Restored",
        "four skips",
        "latent",
        "clean latent",
    ),
    STEP_NAMES,
)

# HTML by name.
PASSAGES = {
    "header": "<h1>Splat Enhancer</h1><p>Faces rendered from Gaussian splats come out soft and waxy. This puts detail back in one "
    "step, and measures what it won. It is no upscaler, and no proof of what somebody looks like: lost detail is guessed.</p>",
    "footer": "<p>The example heads are renders of people who do not exist. Pictures you bring are deleted within two hours.</p>"
    f"<p>Code: Apache-2.0. The embedded weights: for non-commercial research and education only; another checkpoint has the terms of its "
    f"card. {links({'code': 'Code', 'card': 'Model card', 'licence': 'Licence'})}</p>",
    "waking": "<p role='status'>Waking up: after a pause the model takes some ten seconds to load.</p>",
    "compare": "<p>Two pictures of the same view in one slider: two checkpoints, two fits, a restoration and somebody else’s. Each is "
    "shown as it is, or restored first; one alone is taken for both sides. Here: 12,000 Gaussians as they are, and 5,000, restored.</p>",
    "stopped": "<p role='status' data-stopped='Stopped. What is shown is the result before.'></p>",
    # on ZeroGPU nothing is restored before somebody asks for it
    "gpu is lent": "<p role='status'>Choose a face, or press Restore. A GPU is lent for each picture: after a pause the first one "
    "takes some ten seconds.</p>",
    "what remains": "<p>How strongly each region is blurred, in patches. With all of them at 0 these steps remain: geometric warp, "
    "mouth blur (the even part of it), surface blur, brightness and clamps, overall blur, desaturation, downscale and noise.</p>",
    "difference": "<p>The brighter, the further apart; amplified four times. Black is equal.</p>",
    "files": "<p>PNG without loss. Each file holds the settings it was made with: drop it on the page to set them again.</p>",
    "batch": "<p>Up to 20 pictures in one go. A picture that cannot be used is named, the rest is still done.</p>",
    "about clips": f"<p>Up to {LONGEST_CLIP} s; of a longer clip the beginning is taken. At most {LARGEST_SIDE} pixels a side and {LARGEST_UPLOAD} MB: "
    "MP4, MOV, WebM, MKV, GIF or APNG. Its sound is kept.</p>",
    "no clip yet": "<p class='empty-player'>No clip yet: drop one on the left, or take the example.</p>",
    "no clips here": "<p>Clips need the package av, which is not installed here: <code>pip install 'av&gt;=18.1,&lt;19'</code>, and start the page "
    "again.</p>",
    "about clouds": f"<p>A cloud of 3D Gaussians, at most {LARGEST_UPLOAD} MB: .ply, compressed too, .spz, .splat or .ksplat. Turn it, and restore what "
    "you see; transparency is kept.</p>",
    "no cloud yet": "<p class='empty-player'>No cloud yet: drop one on the left, or take the example.</p>",
    "turntable": f"<h2>Turntable</h2><p>Turned from the view that is chosen when it is begun, {SPLAT_SIZE}x{SPLAT_SIZE} pixels, held still by the motion that is known, "
    "and restored.</p>",
    "no view": "<p class='empty-player'>This view could not be made.</p>",
    "no turntable yet": "<p class='empty-player'>No turntable yet.</p>",
    # what the examples show, for who does not see them: examples/heads/README.md
    "heads": "<ul><li data-head='head_01'>long straight brown hair, blue eyes</li><li data-head='head_02'>short dark hair, stubble, "
    "a three-quarter view</li><li data-head='head_03'>long black hair across one eye</li><li data-head='head_04'>dark skin with "
    "highlights, open mouth with teeth, stubble</li><li data-head='head_05'>an older face: wrinkles, grey hair, full beard</li>"
    "<li data-head='head_07'>a large curly outline of fine hair</li><li data-head='head_02_left_30'>a head of 5,000 Gaussians, from its "
    "left</li><li data-head='head_02_right_40_above'>the same, from its right and above</li></ul>",
    "pairs by name": "<p><b>ben_01.jpg</b> goes with <b>ben_01.png</b> or <b>ben_01_reference.png</b>: the same name, in any type of "
    "file; upper and lower case differ. A render without a clean picture is restored without scores.</p>",
    "about": _ABOUT,
}

//! The Markdown files: `_folder.md` with each kind of override, and a few sidecars.

/// `/`: words only.
pub(super) const ROOT: &str = "# Painted light

A small gallery that the program paints itself: mountains, lakes, northern lights, people, the sea.
Nothing here was ever photographed, but every file carries what a camera would have noted.

Sign in as one of the three people of the demo, and see how the gallery changes.
";

pub(super) const LANDSCAPES: &str = "+++
hidden_images = [\"unfinished.jpg\"]
+++

# Landscapes

Hills, lakes and deserts between first light and last. One picture isn't finished yet and stays
hidden.
";

pub(super) const ALPS: &str = "# Alps

A week of ridges, from Chamonix to the Dolomites.
";

pub(super) const NIGHT_SKIES: &str = "# Night skies

Long exposures far from the next street lamp. The aurora comes with its digital negative.
";

pub(super) const PEOPLE: &str = "# People

Portraits and other upright pictures.
";

pub(super) const FAMILY: &str = "+++
title = \"Family\"

[permissions]
public_role = \"none\"
default_authenticated_role = \"none\"

[permissions.roles.kin]
name = \"Family\"

[permissions.roles.kin.permissions]
can_view = true
can_see_hidden = true
can_analyze_images = true
can_see_ai_analysis = true
can_see_ai_alt_text = true
can_see_exact_dates = true
can_see_location = true
can_see_technical_details = true
can_download_medium = true
can_download_large = true
can_download_original = true
can_download_raw = true
can_download_gallery = true
can_use_zoom = true
can_use_tile_zoom = true
can_read_metadata = true
can_see_versions = true
can_add_comments = true
can_edit_own_comments = true
can_delete_own_comments = true
can_set_picks = true
can_add_tags = true
can_edit_content = true

[[permissions.user_roles]]
username = \"fred\"
roles = [\"kin\"]
+++

# Family

Only for us. Whoever isn't family doesn't even learn that this folder exists.
";

pub(super) const CLIENTS: &str = "+++
[permissions]
public_role = \"none\"
default_authenticated_role = \"none\"
+++

# Clients

Work in progress, closed to all but the owners of the site.
";

pub(super) const CLIENT_SMITH: &str = "+++
title = \"Smith\"

[permissions]
public_role = \"none\"
default_authenticated_role = \"none\"

[permissions.roles.client]
name = \"Client\"

[permissions.roles.client.permissions]
can_view = true
can_use_zoom = true
can_download_large = true
can_download_gallery = true
can_read_metadata = true
can_set_picks = true
can_add_comments = true

[[permissions.user_roles]]
username = \"carla\"
roles = [\"client\"]
+++

# Smith

Dear Carla, pick your favourites and leave a comment where something should be changed.
";

pub(super) const PORTFOLIO: &str = "+++
hide_technical_details = true
+++

# Portfolio

The best of ten years. How they were made stays in the workshop.
";

pub(super) const DRAFTS: &str = "+++
title = \"Drafts\"
hidden = true
+++

# Drafts

Not listed anywhere; who knows the address may look.
";

pub(super) const SEA: &str = "# Été à la mer 🌊

Deux semaines de vent, de sel et de lumière.
";

pub(super) const EMPTY: &str = "# Empty

Nothing here yet.
";

pub(super) const STILL_LAKE: &str = "+++
title = \"Still lake before the wind\"
location = \"Lake Bled, Slovenia\"
alt_text = \"Mountains in warm light, mirrored in a calm lake.\"
+++

Ten minutes later the first breeze had taken the mirror away.
";

pub(super) const AURORA: &str = "+++
title = \"The night of the twelfth\"
location = \"Tromsø, Norway\"
alt_text = \"Green curtains of northern light above dark firs.\"
+++

It began as a pale arc at ten and filled half the sky by midnight. The DNG is beside it.
";

pub(super) const GRANDMOTHER: &str = "+++
title = \"Grandmother's birthday\"
location = \"Annecy, France\"
alt_text = \"A woman before soft lights, seen from the shoulders up.\"
+++

Eighty-five, and still the first on the dance floor.
";

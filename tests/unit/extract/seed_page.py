"""A page such as a small news site serves: an agency's report among menus, adverts and other articles.

The page shows its own clock and no date of the article, names no section but “Uncategorized”, and has a photo
credit run into a paragraph.
"""

from __future__ import annotations

HEADLINE = "Syria Forces retake Palmyra in major victory over ISIS"
URL = "https://www.example-times.com/syria-forces-retake-palmyra-in-major-victory-over-isis/"

PARAGRAPHS = (
    (
        "Syrian troops backed by Russian forces recaptured the famed ancient city of Palmyra from the "
        "ISIS in a major victory over the Daesh terrorists."
    ),
    (
        "Army sappers were defusing mines and bombs planted by ISIS in the city’s ancient ruins, a UNESCO"
        " world heritage site where the terrorists sparked a global outcry with the systematic "
        "destruction of treasured monuments, a military source said."
    ),
    (
        "ISIS lost at least 400 fighters in the battle for the city, the Syrian Observatory for Human "
        "Rights said. On the government side, 188 troops and militiamen were killed."
    ),
    (
        "“That’s the heaviest losses that ISIS has sustained in a single battle since its creation” in "
        "2013, the director of the Britain-based monitoring group, Rami Abdel Rahman, told Agence France "
        "Presse."
    ),
    (
        "“It is a symbolic defeat for ISIS comparable with that in Kobane,” a town on the Turkish border "
        "where Kurdish fighters held out against a months-long siege by ISIS in 2014-15, he added."
    ),
    (
        "ISIS, behind a string of attacks in the West including last week’s Brussels bombings, is under "
        "growing pressure from Syrian and Iraqi military offensives to retake bastions of its self-"
        "proclaimed “caliphate”."
    ),
    (
        "On Thursday, the Iraqi army announced the launch of an offensive to recapture second city Mosul,"
        " held by the terrorists since June 2014."
    ),
    (
        "“After heavy fighting during the night, the army is in full control of Palmyra — both the "
        "ancient site and the residential neighbourhoods,” the military source told Agence France Presse."
    ),
    "ISIS fighters pulled out, retreating towards the towns of Sukhnah and Deir Ezzor to the east.",
    "Troops also captured the airport southeast of the city, the source added.",
    "The Observatory said the pullout had been ordered by ISIS high command.",
    (
        "“A handful of ISIS fighters are refusing to leave the city and seem to want to fight on to the "
        "bitter end,” Abdel Rahman said."
    ),
    "ISIS overran the Palmyra ruins and adjacent modern city in May 2015.",
    (
        "It blew up two of the site’s treasured temples, its triumphal arch and a dozen tower tombs, in a"
        " campaign of destruction that UNESCO described as a war crime punishable by the International "
        "Criminal Court."
    ),
    (
        "The terrorists used Palmyra’s ancient amphitheatre as a venue for public executions, including "
        "the beheading of the city’s 82-year-old former antiquities chief."
    ),
    ("UNESCO chief Irina Bokova on Thursday welcomed the Syrian government offensive to recapture the city."),
    "“Palmyra has been a symbol of the cultural cleansing plaguing the Middle East,” she said.",
)

ADVERT = '<div class="td-a-rec"><span class="td-adspot-title">- Advertisement -</span></div>'
CREDITED = PARAGRAPHS[1]

# Ways in which a site runs a photo's credit into the paragraph beside it.
CREDITS = {
    "text": "<p>ISIS-AV{}</p>",
    "image": '<p><img src="/palmyra.jpg" alt="">ISIS-AV{}</p>',
    "span": "<p><span>ISIS-AV</span>{}</p>",
    "emphasis": "<p><em>ISIS-AV</em>{}</p>",
    "class": '<p><span class="photo-credit">ISIS-AV</span> {}</p>',
    "caption": '<figure><img src="/palmyra.jpg" alt=""><figcaption>ISIS-AV</figcaption></figure><p>{}</p>',
}


def seed_page(credit: str = "text") -> bytes:
    """The page, with the credit in one of the `CREDITS`."""
    paragraphs = [
        CREDITS[credit].format(text) if text is CREDITED else f"<p>{text}</p>" for text in PARAGRAPHS
    ]
    text = "\n".join([*paragraphs[:4], ADVERT, *paragraphs[4:]])
    return f"""<!doctype html><html lang="en-US"><head><meta charset="utf-8">
<title>{HEADLINE} - Example Times</title>
<meta property="og:site_name" content="Example Times"><meta property="og:title" content="{HEADLINE}">
<link rel="canonical" href="{URL}"></head><body>
<a class="skip-link" href="#content">skip to content</a>
<header><div class="td_data_time">Tuesday, July 23, 2024</div><time>Tuesday, July 23, 2024</time>
<nav><ul><li><a href="/">Home</a></li><li><a href="/world/">World</a></li><li><a href="/sport/">Sport</a></li>
</ul></nav></header>
<div id="content" class="td-container"><div class="entry-crumbs"><span><a href="/">Home</a></span>
<span><a href="/category/uncategorized/">Uncategorized</a></span><span>{HEADLINE}</span></div>
<article class="post"><header><h1 class="entry-title">{HEADLINE}</h1></header>
{ADVERT}
<div class="td-post-content">{text}
{ADVERT}{ADVERT}{ADVERT}
</div></article>
<div class="block"><h4>Must Read</h4>{_teasers("Council approves budget", "River levels fall again")}</div>
{ADVERT}
<div class="block"><h4>Related News</h4>{_teasers("Talks resume in Geneva", "Museum lends statues")}</div>
</div><footer><p>Copyright 2024 Example Times. All rights reserved.</p></footer></body></html>""".encode()


def _teasers(*titles: str) -> str:
    return "".join(f'<div class="item"><h3><a href="/{i}/">{t}</a></h3></div>' for i, t in enumerate(titles))

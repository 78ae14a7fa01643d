"""Titles of error pages: what a site writes over “there is no such page”, in some thirty languages.

A part of a title counts only as a whole: “Page not found – The Daily” is one, “Why pages get lost” is not.
"""

from __future__ import annotations

import re

_ERROR = (
    r"(?:error|status|code|fehler|erreur|errore|erro|eroare|fejl|fel|feil|virhe|błąd|chyba|hiba|hata"
    r"|ошибка|помилка|σφάλμα|エラー|错误|錯誤)"
)
_CODE = rf"(?:http\W*)?{_ERROR}?\W*(?:404|410)\W*{_ERROR}?"
_THE = r"(?:(?:the|this|that|your|requested)\W+){0,2}"

# One way to say it a line; how a title of an error page goes on (“we looked everywhere”) is not our concern.
_PHRASES = r"""
THE(?:page|article|story|content|file|document|post|url|link)?(?: (?:you (?:requested|(?:a|we)re looking for)))?(?: (?:was|is|could|can|has)(?: not|n['’]t|not)| can['’]t| ?not)(?: be(?:en)?)? found
THE(?:page|article|story|content|post) (?:does(?: not|n['’]t)|no longer) exists?
THE(?:page|article|story|content|post) (?:is )?(?:unavailable|no longer available|missing|gone)
THE(?:page|article|story|content|post) (?:is(?:n['’]t| not)|not) (?:currently )?available
THE(?:page|article|story|content|post) (?:has been )?(?:removed|deleted)
(?:we )?(?:can(?:['’]|no)?t|could(?: not|n['’]t)) find (?:that|this|the|your) (?:page|article|story)
nothing (?:was )?found(?: here)?
(?:(?:die|diese|der|dieser) )?(?:seite|artikel|beitrag|inhalt) existiert nicht(?: mehr)?
(?:(?:die|diese|der|dieser) )?(?:seite|artikel|beitrag|inhalt)(?: (?:wurde|konnte|kann|ist))?(?: leider)? nicht (?:mehr )?(?:gefunden|verfügbar|vorhanden|auffindbar|erreichbar)(?: werden)?
nicht gefunden
(?:de |deze )?(?:pagina|artikel)(?: (?:is|werd|kon))?(?: helaas)? niet (?:meer )?(?:gevonden|beschikbaar)(?: worden)?
(?:de |deze )?pagina bestaat niet(?: meer)?
sidan (?:kunde inte hittas|hittades inte|kan inte hittas|finns inte(?: längre)?|saknas)
siden (?:ble ikke funnet|blev ikke fundet|kunne ikke findes|finnes ikke|findes ikke|eksisterer ikke)
fandt? ikke siden
sivua ei (?:löytynyt|löydy|ole)
síðan fannst ekki
(?:la |cette )?(?:page|article|contenu)(?: demandée?)?(?: est)? (?:introuvable|non trouvée?|inexistante?)
(?:la |cette )?(?:page|article|contenu)(?: demandée?)? n['’](?:existe (?:pas|plus)|a pas été trouvée?)
(?:la |esta )?(?:p[áa]gina|noticia|contenido)(?: solicitad[ao])? (?:no (?:existe|disponible|se encuentra)|inexistente)
(?:la |esta )?(?:p[áa]gina|noticia|contenido)(?: solicitad[ao])? no (?:fue |ha sido )?encontrad[ao]
no se (?:ha encontrado|encuentra|encontró|ha podido encontrar) la p[áa]gina(?: solicitada)?
no encontrad[ao]
(?:la )?(?:pagina|articolo|contenuto)(?: richiest[ao])? (?:non (?:disponibile|esiste(?: più)?)|inesistente)
(?:la )?(?:pagina|articolo|contenuto)(?: richiest[ao])? non (?:è )?(?:stat[ao] )?trovat[ao]
(?:a )?(?:p[áa]gina|not[íi]cia|conte[úu]do)(?: (?:solicitad[ao]|que procura))? n[ãa]o (?:existe|dispon[íi]vel)
(?:a )?(?:p[áa]gina|not[íi]cia|conte[úu]do)(?: (?:solicitad[ao]|que procura))? n[ãa]o (?:foi )?(?:encontrad|localizad)[ao]
pagina (?:nu (?:a fost găsită|există|este disponibilă)|negăsită)
(?:la )?p[àa]gina no (?:trobada|existeix|s['’]ha trobat)
strona nie (?:została znaleziona|istnieje|znaleziona)
nie (?:znaleziono|odnaleziono)(?: strony)?
str[áa]nk[ay] (?:nenalezena|nebyla nalezena|neexistuje|nen[áa]jden[áa]|sa nenašla)
stranica (?:nije pronađena|ne postoji)
stran ne obstaja|strani ni mogoče najti
(?:такой |эта |запрашиваемая )?(?:страница|страницы|статья) (?:не (?:найдена|существует|найдено)|удалена)
сторінк[ауи] не (?:знайдено|існує)
страницата не (?:е намерена|съществува)
не найдено|не знайдено
puslapis nerastas|lapa nav atrasta|lehekülge ei leitud
(?:az? )?(?:oldal|lap|cikk) nem található
η σελίδα δεν (?:βρέθηκε|υπάρχει)
(?:aradığınız )?sayfa (?:bulunamadı|mevcut değil)
الصفحة (?:المطلوبة )?غير موجودة|لم يتم العثور على الصفحة
(?:העמוד|הדף)(?: המבוקש)? לא נמצא
صفحه(?: مورد نظر)? (?:یافت|پیدا) نشد
(?:पृष्ठ|पेज) नहीं मिला
(?:您(?:访问|訪問|要找)的)?(?:页面|頁面|网页|網頁|文章)(?:不存在|未找到|没有找到|沒有找到|找不到|已删除|已刪除)
(?:找不到|未找到)(?:该|該|此)?(?:页面|頁面|网页|網頁)
(?:お探しの|指定された|ご指定の)?(?:ページ|記事)(?:が|は)(?:見つかりません(?:でした)?|存在しません|ありません)
(?:요청하신 )?페이지를 찾을 수 없습니다|존재하지 않는 페이지(?:입니다)?
không tìm thấy trang|trang không tồn tại
halaman tidak (?:ditemukan|ada|tersedia)
ไม่พบหน้า(?:ที่คุณต้องการ)?
"""  # noqa: E501 - a phrase is easier to read, and to add, in one piece
_SAID = "|".join(_PHRASES.replace("THE", _THE).strip().split("\n"))
_SORRY = (
    r"(?:(?:error|o+ps|ups|uups|whoops|hoppla|sorry|oh no|uh[- ]oh|entschuldigung|désolé|lo sentimos|desculpe"
    r"|извините|ошибка)\W+)?"
)
_WHOLE = re.compile(rf"\W*{_SORRY}(?:{_CODE}|(?:{_CODE}\W+)?(?:{_SAID})(?:\W+{_CODE})?)\W*", re.I)
_BETWEEN = re.compile(r"\s+[-–—|·•:»«/]\s+|[|–—·•»«]")
MAX_CHARS = 200


def is_error_title(text: str) -> bool:
    """Does a title, or one of its parts (before or after the site's name), say that there is no such page?

    A bare “404” counts only at the beginning: elsewhere it may be a car or a room.
    """
    if len(text) > MAX_CHARS:
        return False
    parts = [part.strip() for part in _BETWEEN.split(text) if part.strip()]
    counting = [part for place, part in enumerate(parts) if place == 0 or not part.isdigit()]
    return any(_WHOLE.fullmatch(part) for part in (text, *counting))

"""Titles of error pages in many languages, and headlines that only sound like them."""

from __future__ import annotations

import time

import pytest

from jobs.walls.error_titles import is_error_title

ERRORS = """
404
404 Not Found
HTTP 404 Not Found
Not Found
Page not found
Page Not Found | The Daily
The Daily - Page not found
Error 404
Page not found (404)
404 error: page not found
Oops! That page can’t be found.
Sorry, the page you are looking for could not be found
This page isn't available
Page doesn't exist
Article no longer available – The Daily
We can't find that page
Nothing found
Seite nicht gefunden
404 - Seite nicht gefunden
Diese Seite existiert nicht mehr
Page introuvable | Le Jour
Erreur 404
La page demandée n’existe pas
Página no encontrada - El Día
Pagina non trovata
Página não encontrada
Pagina niet gevonden
Sidan kunde inte hittas
Siden ble ikke funnet
Sivua ei löytynyt
Strona nie istnieje
Stránka nenalezena
Az oldal nem található
Страница не найдена
Ошибка 404
Сторінку не знайдено
Η σελίδα δεν βρέθηκε
Sayfa bulunamadı
الصفحة غير موجودة
הדף לא נמצא
页面不存在
ページが見つかりません
페이지를 찾을 수 없습니다
Halaman tidak ditemukan
"""
HEADLINES = """
Why pages are not found
The 404 page as an art form
Room 404 opens in Berlin
A classic returns | Peugeot | 404
404 people evacuated
Missing girl found alive
Not found guilty: jury clears man
Body not found after search
Treasure not found | News
File not found: how the ministry lost 10,000 records
Nothing found in search for plane
The page turner
Error of judgement
Seite an Seite
Strona internetowa nie działa po ataku
"""


@pytest.mark.parametrize("title", ERRORS.strip().split("\n"))
def test_error_titles(title: str) -> None:
    """In whole, or before or after the site's name."""
    assert is_error_title(title)


@pytest.mark.parametrize("title", HEADLINES.strip().split("\n"))
def test_headlines(title: str) -> None:
    """Words of error pages inside a headline prove nothing."""
    assert not is_error_title(title)


@pytest.mark.parametrize(
    "piece", ["the ", "error ", "page not ", "404 ", "sorry ", " ", "-", "not found ", "4"]
)
def test_long_titles_take_no_time(piece: str) -> None:
    """A title that was made to be slow is not."""
    started = time.process_time()
    for _ in range(5):
        is_error_title((piece * 200)[:200])
    assert time.process_time() - started < 1

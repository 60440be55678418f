"""What the names of columns say, in the languages that data sets are written in."""

from __future__ import annotations

import functools
import re
import unicodedata
from typing import Literal

NameRole = Literal[
    "system", "instruction", "question", "prompt", "text", "context", "choices",
    "answer", "label", "reasoning", "identifier", "time", "address", "metadata",
]  # fmt: skip

_WORDS: dict[NameRole, str] = {
    "system": "system sysprompt developer persona sistema systemprompt",
    "instruction": "instruction instructions task istruzione anweisung aufgabe instruccion "
    "consigne instrucao polecenie инструкция 指令 指示 지시",
    "question": "question questions query q problem domanda domande frage pregunta pergunta "
    "pytanie otazka вопрос вопросы fraga sporgsmal sporsmal kysymys vraag soru "
    "pertanyaan ερωτηση 问题 问 提问 題目 质问 質問 질문 سؤال السؤال שאלה प्रश्न "
    "سوال intrebare kerdes",
    "prompt": "prompt input user request human query instruction source quesito richiesta "
    "anfrage eingabe entrada entree demande requete consulta solicitud zapytanie "
    "запрос 输入 入力 입력 src original originale before noisy incorrect wrong "
    "sentence1 informal",
    "text": "text sentence phrase document article dialogue dialog conversation transcript "
    "content body message review comment tweet headline email mail ticket post "
    "passage paragraph story description utterance abstract code testo texto texte "
    "satz frase oracion articolo artikel articulo dialogo messaggio nachricht "
    "mensaje recensione bewertung rezension avis resena commento kommentar "
    "commentaire comentario contenuto inhalt contenu contenido documento dokument "
    "tekst wypowiedz текст сообщение отзыв 文本 文章 内容 句子 评论 テキスト 文 "
    "本文 텍스트 문장 내용 نص טקסט पाठ metin yorum premise fact title subject",
    "context": "context background passage paragraph evidence reference knowledge schema "
    "input story contesto kontext contexte contexto hintergrund document documents "
    "article facts kontekst контекст 上下文 背景 文脈 문맥 سياق הקשר",
    "choices": "choices choice options option endings candidates alternatives distractors scelte "
    "opzioni optionen opciones opcoes choix 选项 選択肢",
    "answer": "code answer answers response responses completion completions output outputs reply "
    "target targets summary summaries highlights solution translation chosen "
    "assistant gpt bot tgt corrected correction gold reference rewrite paraphrase "
    "simplified formal risposta risposte antwort antworten reponse reponses "
    "respuesta respuestas resposta odpowiedz odpoved ответ ответы svar vastaus "
    "antwoord cevap yanit jawaban απαντηση lời 答案 回答 答 回复 輸出 输出 答え "
    "応答 出力 응답 답변 답 대답 جواب الجواب الإجابة תשובה उत्तर پاسخ raspuns "
    "valasz soluzione losung loesung solucion solucao riassunto zusammenfassung "
    "resolution tldr resume resumen resumo sommario 摘要 要約 요약 traduzione ubersetzung "
    "uebersetzung traduction traduccion traducao перевод 翻译 翻訳 번역 ausgabe "
    "sortie salida saida uscita",
    "label": "label labels class category tone sentiment emotion intent tag topic score "
    "rating stars polarity spam toxic stance genre grade priority department "
    "hypothesis_label annotation etichetta classe categoria sentimento emozione "
    "tono intento argomento voto stelle priorita kategorie klasse stimmung gefuhl "
    "absicht thema bewertung etiquette categorie emocion sentimiento etiqueta "
    "clase kategoria etykieta метка категория класс тональность 标签 类别 分类 "
    "情感 ラベル カテゴリ 感情 라벨 감정 분류 etiket duygu verdict",
    "reasoning": "reasoning rationale explanation cot thought thoughts thinking chain "
    "complex_cot ragionamento spiegazione begrundung raisonnement razonamiento "
    "推理 思考",
    "identifier": "id ids uuid guid uid key index idx hash rowid number nr no num docid qid pid "
    "sku kennung identificativo identifiant identificador 编号 序号 번호 ид",
    "time": "timestamp ts date datetime time created updated modified published created_at "
    "updated_at year month day data_ora datum zeit zeitstempel uhrzeit horodateur "
    "horodatage heure fecha hora marca cronologiche orario дата время 时间 日期 "
    "日付 時間 타임스탬프 날짜 시간",
    "address": "url uri link href path file filename filepath image images picture photo img "
    "audio video email_address website domain permalink",
    "metadata": "split fold lang language locale license version model author username "
    "annotator source dataset subset origin meta metadata length count tokens "
    "offset start end status weight upvotes downvotes likes views num_tokens "
    "lingua sprache langue idioma autore autor auteur quelle fonte unnamed",
}  # fmt: skip

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NO_WORD = re.compile(r"[^\w]+|_+")
_DIGITS = re.compile(r"\d+$")


def _plain(text: str) -> str:
    parts = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in parts if unicodedata.category(c) != "Mn")


_ROLES: dict[str, set[NameRole]] = {}
for _role, _text in _WORDS.items():
    for _word in _text.split():
        _ROLES.setdefault(_plain(_word), set()).add(_role)
_JOINED = sorted((word for word in _ROLES if not word.isascii()), key=len, reverse=True)


@functools.lru_cache(maxsize=4096)
def words_of(name: str) -> tuple[str, ...]:
    """The words of a column's name, without accents and case."""
    parts = _NO_WORD.split(_CAMEL.sub(" ", name))
    return tuple(_plain(part) for part in parts if part)


@functools.lru_cache(maxsize=4096)
def strength(name: str, role: NameRole) -> int:
    """How clearly a name says that its column has a role: 3 is the word itself, 2 the first or
    last of several words, 1 another of them, 0 not at all."""
    words = words_of(name)
    if not words:
        return 0

    def says(word: str) -> bool:
        return role in _ROLES.get(word, ()) or role in _ROLES.get(_DIGITS.sub("", word), ())

    if (len(words) == 1 and role in _ROLES.get(words[0], ())) or role in _ROLES.get(
        "_".join(words), ()
    ):
        return 3
    if says(words[-1]) or says(words[0]):
        return 2 if len(words) <= 4 else 1
    if any(says(word) for word in words):
        return 1
    # Languages without spaces: the word stands inside.
    inside = next((word for word in _JOINED if len(words) == 1 and word in words[0]), None)
    return 2 if inside is not None and role in _ROLES[inside] else 0


def is_language(name: str) -> bool:
    """Whether a name is a language's code, such as ``en``, ``pt_BR`` or ``ita_Latn``."""
    return re.fullmatch(r"[a-z]{2,3}([_-][A-Za-z]{2,4})?", name.strip()) is not None and (
        name.strip()[:2].casefold() in _LANGUAGES
    )


_CODES = (
    "en de fr it es pt nl pl ru uk cs sk sl hr sr bg ro hu el tr ar he fa hi bn ur ta te ja zh ko "
    "vi th id ms sv da no nb fi et lv lt ga cy ca eu gl is mt sq mk ka hy az kk uz mn sw zu af am "
    "so yo ig ha km lo my ne si"
)
_LANGUAGES = frozenset(_CODES.split())

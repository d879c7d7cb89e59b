"""Rewords prompts as strangers write them: synonyms, polite words, case, punctuation, a slip of the finger."""

from random import Random

from seedling.words import FUNCTION_WORDS, capitalised

QUESTION_WORDS = frozenset(
    ("who", "what", "how", "are", "is", "can", "do", "does", "why", "where", "which", "when", "will", "what's")
)
LEAD_INS = (
    "can you tell me: ",
    "hey, ",
    "hi, ",
    "ok, ",
    "so ",
    "hello, ",
    "and ",
    "now ",
    "one question: ",
    "tell me, ",
    "well, ",
    "so, ",
)
SYNONYMS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "how do I ",
        (
            "how can I ",
            "how to ",
            "how would I ",
            "what is the command to ",
            "how does one ",
            "I want to ",
            "tell me how to ",
            "can you tell me how to ",
            "I would like to ",
            "show me how to ",
            "is there a way to ",
            "what do I type to ",
            "how could I ",
            "please explain how to ",
            "what's the way to ",
            "I need to ",
            "which command is there to ",
        ),
    ),
    (
        "what is ",
        (
            "what's ",
            "what exactly is ",
            "what is ",
            "could you explain what this is: ",
            "what actually is ",
            "what, please, is ",
        ),
    ),
    ("tell me about ", ("talk about ", "say something about ", "tell me more about ", "tell me something about ")),
    (
        "what can you do",
        ("what are you able to do", "what things can you do", "what could you do for me", "what is it that you do"),
    ),
    ("can you ", ("could you ", "would you ", "are you able to ", "will you ")),
    ("tell me ", ("please tell me ", "could you tell me ", "tell us ")),
    ("bigger", ("larger", "better", "stronger", "more capable", "bigger", "cleverer", "smarter")),
    (" get ", (" find ", " get hold of ", " have ", " obtain ")),
    ("install", ("set up", "add", "install", "import")),
    ("remove", ("delete", "erase", "throw away", "take out")),
    ("list", ("see", "show", "view", "find out")),
    ("start", ("launch", "start up", "run", "boot", "begin")),
    ("stop", ("shut down", "end", "halt", "quit", "switch off")),
    ("data", ("text", "messages", "words", "information", "conversation", "prompts", "stuff")),
    ("leave", ("go out of", "get sent from", "get out of", "travel from")),
    ("a GPU", ("a graphics card", "a GPU", "a video card", "an Nvidia card")),
    ("made", ("built", "created", "wrote", "developed", "designed", "programmed")),
    ("do you need", ("do you require", "must you have", "do you use", "do you want")),
    ("crofter", ("Crofter", "crofter", "this crofter thing", "Crofter", "the Crofter program")),
)


def _with_synonyms(rng: Random, prompt: str) -> str:
    for phrase, others in SYNONYMS:
        if phrase in prompt and not prompt.startswith("crofter ") and rng.random() < 0.4:
            prompt = prompt.replace(phrase, rng.choice(others), 1)
    return prompt


def _with_slip(rng: Random, prompt: str) -> str:
    """Two neighbouring letters swapped or one lost."""
    place = rng.randrange(len(prompt) - 1)
    if rng.random() < 0.5:
        return prompt[:place] + prompt[place + 1 :]
    return prompt[:place] + prompt[place + 1] + prompt[place] + prompt[place + 2 :]


def reworded(rng: Random, prompt: str, *, is_free: bool = False) -> str:
    """The prompt as another person might type it; `is_free` allows synonyms and slips, where no word has to be kept."""
    if is_free:
        prompt = _with_synonyms(rng, prompt)
        if rng.random() < 0.05 and len(prompt) > 4:
            prompt = _with_slip(rng, prompt)
    is_question = prompt.split()[0].lower().strip(",") in QUESTION_WORDS
    draw = rng.random()
    if draw < 0.06:
        prompt = f"{prompt}, please" if is_question else f"please {prompt}"
    elif draw < 0.13:
        prompt = rng.choice(LEAD_INS) + prompt
    elif draw < 0.16 and not is_question:
        prompt += rng.choice((" please", ", please", " for me", " now"))
    if rng.random() < 0.7:
        prompt = capitalised(prompt)
    if prompt[-1] not in "?!.":
        prompt += rng.choice(("?", "?", "?", "", " ?", "??") if is_question else (".", ".", "", "!", ""))
    draw = rng.random()
    if draw < 0.12:
        return prompt.lower()
    return prompt.upper() if draw < 0.13 and is_free else prompt


def posed(
    rng: Random, sentence: str, *, lead_ins: tuple[str, ...] = ("", "", "", "please: ", "hi, ", "so, ", "ok, ")
) -> str:
    """The sentence as someone might put it when every word has to be kept as it is: capital, end and a word before it.

    A word that has to be copied rarely gets the capital: its tokens are others then.
    """
    sentence = rng.choice(lead_ins) + sentence
    is_copied = sentence.split()[0].strip(":,") not in FUNCTION_WORDS
    if rng.random() < (0.2 if is_copied else 0.8):
        sentence = capitalised(sentence)
    if sentence[-1] in "?!.":
        return sentence
    is_question = sentence.split()[0].lower().strip(",") in QUESTION_WORDS
    return sentence + (rng.choice(("?", "?", "?", "")) if is_question else rng.choice((".", ".", "", "!")))

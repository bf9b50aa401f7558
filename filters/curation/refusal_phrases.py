"""English refusals: their openings, and whether an answer follows.

The patterns are Rust regular expressions, for texts in lower case with straight apostrophes and
single spaces.
"""

import re

_APOLOGY = (
    r"(?:i'?m|i am|we're|we are)(?: \w+)? (?:sorry|afraid)|"
    r"(?:so |very )?sorry|i apologi[sz]e|i regret|(?:my )?apologies|unfortunately|regrettably|"
    r"sadly"
)
_NOTICE = (
    r"i (?:completely |totally |fully |do )?(?:understand|appreciate|hear|see|know|get|reali[sz]e|"
    r"recogni[sz]e|respect)|thank(?:s| you)|(?:that|this|it) (?:sounds|seems|must)|"
    r"i(?:'d| would) (?:love|like|want)|i wish|i want|i need to|i (?:must|should|have to) (?:be|"
    r"clarify|"
    r"point|note|say|stop|stress)|to be (?:clear|honest|direct|frank)|given|because|due to|"
    r"based on|"
    r"as per|per|according to|in (?:line|accordance) with|if you|that's an?|this is an?|"
    r"[^.!?\n]{0,100}\b(?:dangerous|illegal|harmful|unethical|against the law|a crime|unsafe)|"
    r"while|although|though|even though|as much as|for (?:\w+ )?(?:reasons?|safety|privacy)|"
    r"at this time|at the moment|in this case|let's not|hi\b|hello|hey|no\b|nope|"
    r"i(?:'m| am) (?:[^.!?\n]{0,20}, )?(?:just |only )?an? (?:ai|virtual|assistant|"
    r"language model)|"
    r"i(?:'m| am) (?:designed|programmed|trained|built|here|committed)|"
    r"(?:this|that|your|the) (?:request|question|prompt|content|topic|task|message|kind|type|"
    r"sort)|"
    r"(?:provid|creat|writ|shar|generat|help|discuss|do|produc|mak|giv)ing|"
    r"i (?:strongly )?(?:advise|recommend) against|i have no|i don't (?:have|do)|i do not have|"
    r"(?:what )?you(?:'re| are|'ve)? (?:ask|request|describ)\w*|"
    r"as an? (?:ai|artificial intelligence|(?:large )?language model|assistant)(?: \w+){0,2}|"
    r"(?:this|that|it)(?:'s| is| would be)(?: not)? (?:\w+ )?(?:harmful|illegal|unethical|"
    r"dangerous|"
    r"wrong|ok(?:ay)?|against|(?:in)?appropriate|cheating|private|crime)|"
    r"i(?:'m| am) (?:only )?(?:limited|restricted)|i only"
)
PREFACE = (
    rf"(?:(?:oh|hmm+|well|ah|um|ok(?:ay)?),? |"
    rf"(?:{_APOLOGY})[^.!?\n]{{0,100}}?(?:[,;:.!]? (?:but |however,? |and |that |so )?|[—–-]+ ?)|"
    rf"(?:{_NOTICE})\b[^.!?\n]{{0,160}}?(?:[,;:.!—–-]+[ \n]*|(?: and| but| so| that) )"
    r"(?:(?:but|however|and|so|unfortunately|sadly|regrettably|therefore|still|that said)[, ]+)*)"
)
"""What may come before a refusal: apologies, thanks, understanding, reasons."""

_ADVERBS = (
    r"(?:(?:really|simply|just|actually|currently|still|also|therefore|unfortunately|respectfully|"
    r"definitely|certainly|absolutely|personally|politely|kindly|strongly|ever|directly|ethically|"
    r"legally|safely|even|in good conscience|in good faith|in any (?:way|form)|be able to|"
    r"be)\b,? ?)*"
)
_CANNOT = (
    r"(?:can'?t|cannot|can not|could not|couldn't|won'?t|will not|shouldn't|should not|must not|"
    r"(?:am|'m|was|are|'re|were) (?:\w+ly )?(?:not|un)(?: able| allowed| permitted| willing|"
    r" going| authori[sz]ed|"
    r" equipped| in (?:a|any) position|able|willing) to|(?:wasn't|wouldn't be|"
    r"would not be) able to|"
    r"(?:am|'m) not (?:comfortable|here to)|(?:do not|don't) feel (?:comfortable|right)|"
    r"(?:do not|don't) have (?:the|any) (?:ability|abilities|capability|capacity|means|authority|"
    r"permission)(?: to)?)"
)
_FILES = (
    r"(?:links?|urls?|files?|attachments?|(?:web)?sites?|images?|documents?|pages?|internet|web|"
    r"data|"
    r"information|accounts?|calendar|e-?mails?|photos?|pictures?|videos?|audio|content|databases?)"
)
_ACTS = (
    r"(?:(?:of (?:\w+ )?(?:help|assistance|service|use)|(?:open|view|access|read|see|browse|"
    r"browsing|"
    rf"accessing|viewing) (?:\w+ ){{0,3}}{_FILES}|remember (?:previous|past|our|earlier)|"
    r"help|assist|support|respond|answer|do|draft|show|teach|explain|suggest|recommend|offer|"
    r"discuss|speak|talk|comment|fulfil|fulfill|pretend|role-?play|act|look|walk|predict|"
    r"identify|verify|reveal|promot|send|play|condon|endors|grant|translat|accommodat|impersonat|"
    r"comply|provid|creat|generat|writ|shar|continu|engag|participat|produc|describ|mak|giv|tak|"
    r"tell|facilitat|encourag|summari[sz]|entertain|oblig|disclos|advis|diagnos|"
    r"prescrib|guid|instruct|plan|contribut|design|build|develop|satisfy|complet|process|"
    r"speculat|remov|bypass|hack|go into|get into|touch|proceed|weigh in|go there)(?:e|ing|s)?)"
)
_DO = rf"(?:{_CANNOT},? )(?:(?:and|or),? (?:i )?{_CANNOT},? )?{_ADVERBS}{_ACTS}\b"
_MINE = (
    r"my (?:\w+ )?(?:guidelines|polic(?:y|ies)|programming|principles|instructions|values|rules|"
    r"training|ethics|ethical|safety|terms)"
)
_KINDS = r"(?:ai|artificial intelligence|(?:large )?language model)(?: language)?"
REFUSALS = (
    rf"(?:(?:while|although|though|even though) )?i ?{_ADVERBS}{_DO}",
    rf"i(?:'m)? [^.!?,;\n]{{1,40}} and {_DO}",
    rf"(?:can'?t|cannot|can not|won't|unable to) {_ADVERBS}(?:help|assist|comply|do|provide|"
    rf"answer|share|"
    r"discuss) (?:you|with|that|this)\b",
    rf"i (?:don't|do not) think i(?:'ll| can| could| will| should)(?: be able to)? {_ACTS}\b",
    r"i (?:don't|do not) (?:assist|provide|create|produce|generate|engage in|participate in|"
    r"facilitate|"
    r"promote|help with)\b",
    r"i(?:'m| am) (?:\w+ly )?(?:declining|refusing)\b",
    rf"(?:this|that|it)(?:'s| is) (?:something|one thing) (?:that )?i {_CANNOT}\b",
    r"(?:it|that|this)(?:'s| is) not in my (?:capacity|power|ability|remit)\b",
    rf"we ?{_ADVERBS}{_CANNOT} {_ADVERBS}(?:process|provid|help|assist|comply|complet|shar|"
    rf"support|"
    rf"offer|answer|accommodat|fulfill?|grant|approv)e? (?:you|your|this|that|the request|with)\b",
    rf"as an? {_KINDS}(?: (?:model|assistant|system|chatbot))?,? i ?(?:{_CANNOT}|don't have|"
    r"do not have|have no|must (?:\w+ )?(?:decline|refuse))\b",
    r"i (?:don't|do not) have (?:access to|personal (?:opinions?|beliefs|feelings|views|"
    r"experiences?|"
    r"preferences))\b",
    r"i have no (?:personal )?(?:opinions?|way of|access)\b",
    r"(?:i (?:don't|do not) think )?(?:it|that|this)(?:'s| is| would| will)?(?: not|"
    r"n't)?(?: be)? ?(?:\w+ )?"
    r"(?:unethical|illegal|(?:in)?appropriate|(?:im)?possible|ethical|irresponsible|harmful|"
    r"dangerous|wrong|right|safe|ok(?:ay)?) (?:of|for) (?:me|us)\b",
    rf"[^.!?\n]{{0,80}}\b(?:against|outside|within|violat\w+|by|under) (?:of )?{_MINE}\b",
    rf"{_MINE} (?:\w+ )?(?:do not|don't|prevents?|prohibits?|forbids?|won't|will not|restricts?|"
    r"stops?|means? (?:that )?i (?:can't|cannot))\b",
    rf"(?:that|this|it)(?:'s| is| isn't)(?: not)?(?: really)? (?:something|a topic|a request) "
    rf"(?:that )?i ?(?:can|could|will|am|'m)(?: able to| willing to| comfortable|"
    rf" going to)? {_ACTS}\b",
    r"(?:that|this|it|your)(?: \w+)?(?:'s| is) (?:\w+ )?(?:beyond|outside) (?:of )?(?:what i|my|"
    r"the scope)\b",
    r"(?:there(?:'s| is) )?no way (?:that )?i (?:can|could|will)\b",
    rf"i can neither \w+ nor {_ACTS}\b",
    r"no can do\b",
    r"i ?(?:must|have to|need to|'ll have to|will have to|will|'ll|am going to(?: have to)?|"
    r"'m going to(?: have to)?|would|'d)? ?(?:\w+ly )?(?:refuse|decline)(?: to\b| this| that|"
    r" your| and|"
    r" because|[.,;!]|$)",
    r"i ?(?:must|have to|need to|'ll have to|will have to) (?:\w+ly )?(?:pass on|say no)\b",
    rf"i(?:'d| would) (?:rather|prefer)(?: to)? not(?: to)?(?: {_ACTS}\b|[.,;!]|$)",
    r"i(?:'m| am) not comfortable with (?:that|this|\w+ing)\b",
    r"(?:this|that|your|the) (?:request|content|prompt) [^.!?\n]{0,40}"
    r"(?:cannot|can't|could not|will not|won't) be (?:fulfilled|completed|processed|"
    r"generated|provided)\b",
)
"""Openings of refusals: each names the refusal, not the apology alone."""

_CANT = r"(?:i(?:'m| am)? ?)?(?:\w+ly )?(?:can'?t|cannot|can not|could not|couldn't|won't|will not)"
_EXCUSES = re.compile(
    rf"(?:{_CANT} (?:"
    r"help (?:but|myself|it|\w+ing)\b|"
    r"(?:tell|thank|express|explain|describe|recommend|give|offer)\b[^.!?\n]*\b(?:enough|"
    r"highly)\b|"
    r"(?:tell|explain|describe)(?: to)? you how (?:happy|glad|sorry|much|proud|excited|grateful)|"
    r"(?:give|provide|offer|tell)(?: you)? (?:an?|the|one) (?:exact|precise|single|definit\w+|"
    r"simple) "
    r"(?:number|figure|value|answer|date|price|amount|count|estimate)|"
    r"(?:write|do|make|explain|give)(?: it| this| that)? (?:any )?(?:shorter|better|simpler|up)|"
    r"(?:shar|tak)e (?:in|your|his|her|their|the \w+'s|credit)\b|"
    r"make (?:it|out|sense|up)\b|go into\b|take (?:it|my)\b|tell (?:from|if|whether|which|apart)\b"
    r")|impossible for me to (?:overstate|say|tell|decide|choose)|"
    r"[^.!?\n]{0,120}, ?(?:(?:the )?\w+ (?:\w+ )?)?(?:said|says|replied|answered|whispered|"
    r"shouted|"
    r"cried|sighed|muttered)\b)"
)
"""Openings that only look like refusals: idioms, caveats about precision, people who speak."""

_TURN = re.compile(
    r"(?:^|[,;:.!?—–-] ?|\n|\s)(?:but|however|though|yet|still|instead|that said|"
    r"having said that|with that"
    r" said|nevertheless|nonetheless|even so|so|since|because|in general|generally(?: speaking)?|"
    r"typically|"
    r"usually)\b,?(?: though,)? "
)
_OFFER = re.compile(
    r"(?:(?:i|we)(?:'d|'m|'ll|'ve)?\b(?! (?:can|do|could|would|will)?\s?(?:tell you that|"
    r"say that|know|"
    r"think|believe|say|guess|estimate|suspect))|"
    r"please|feel free|let me|let us|let's|perhaps|maybe|thank|sorry|"
    r"(?:you|one)(?:'re| are|'ll)? (?:can|could|may|might|should|will|would|need to|must|welcome|"
    r"free)?"
    r" ?(?:always |also |still )?(?:contact|consult|reach|check|visit|find|look|try|ask|speak|"
    r"talk|see a|"
    r"seek|call|search|refer|want|need|be able|welcome|consider|share|report)|"
    r"if (?:you|there|someone|this|that)\b[^.!?\n]*(?:\bi\b|\bi'|let me|please|contact|reach|"
    r"consult|"
    r"consider|feel free|call|seek|help|988)|"
    r"is there|would you|what|how about|do you|are you|can you|could you|consider|contact|seek|"
    r"reach out|"
    r"here(?:'s| is| are) [^.:\n]*\b(?:resources|alternatives?|instead|hotlines?|helplines?)\b|"
    r"(?:talking|speaking|reaching|contacting|calling|consulting|visiting|checking)\b|"
    r"an? (?:\w+ )?(?:professional|lawyer|attorney|doctor|therapist|counsell?or|specialist|"
    r"expert)\b|"
    r"there(?:'s| is| are) (?:many|other|plenty|lots|help|support|safe|legal|resources|people)|"
    r"help is|"
    r"(?:it|this|that|they|doing|such|these|my|our|the (?:request|content|"
    r"topic))\b[^.!?\n]{0,120}\b"
    r"(?:against|violat|illegal|unethical|harm|danger|polic|guideline|inappropriate|programming|"
    r"privacy|"
    r"private|copyright|safety|safe|ask|request|involve|risk|hurt|not something|law)|not\b|only\b)"
)
_ANSWER = re.compile(
    r"(?:^|[.!?:,;—–-] ?|\n|but |and |so |however,? )(?:here(?:'s| is|"
    r" are)\b(?![^.\n:]*\b(?:instead|"
    r"alternatives?|resources|safe|legal|helpful|help)\b)|based on\b|the (?:answer|result|"
    r"short answer) is\b|"
    r"as of (?:my|20|19)|in general,|generally(?: speaking)?,|for (?:example|instance),|"
    r"(?:i|we) (?:can|do|could|will) (?:tell you that|say that|confirm that|explain that))"
)


def answers(opening: str, rest: str) -> bool:
    """Whether a text with the refusal ``opening`` and then ``rest`` still gives an answer: ``but
    here is …``, a caveat before an answer, or no real refusal."""
    full_text = opening + rest
    if any(excuse.start() < len(opening) for excuse in _EXCUSES.finditer(full_text)):
        return True
    if re.match("(?:while|(?:even |al)?though)[^,]*$", opening):
        return not _OFFER.match(rest.partition(", ")[2])
    if _ANSWER.search(rest):
        return True
    turns = (rest[turn.end() :] for turn in _TURN.finditer(rest))
    if any(not _OFFER.match(part) or _answers_after_colon(part) for part in turns):
        return True
    return _answers_after_colon(rest)


def _answers_after_colon(text: str) -> bool:
    """Whether an answer follows a colon, as in ``I can summarize it: a man …``: not the reason for
    the refusal, and not an alternative."""
    head, colon, body = text.partition(":")
    other = re.search(r"[.!?\n]|\b(?:instead|alternatives?|resources|safe|legal|options)\b", head)
    explanation = re.match(r"\s*(?:it|this|that|they|doing|i|my|because)\b", body)
    return bool(colon) and not other and not explanation and len(body.split()) > 1

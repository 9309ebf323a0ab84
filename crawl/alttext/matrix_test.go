package alttext

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/text/encoding/htmlindex"
)

// Texts of their languages, none of which the readings were made with.
func languages() []struct{ charset, lang, land, text string } {
	return []struct{ charset, lang, land, text string }{
		{"windows-1252", "fr", "fr", "Une forêt brumeuse près du château où l’été s’achève"},
		{"windows-1252", "es", "es", "Pequeño pájaro sobre una rama de cerezo, fotografía de otoño"},
		{"iso-8859-2", "pl", "pl", "Górskie schronisko pośród świerków, późną jesienią wieje wiatr"},
		{"windows-1250", "cs", "cz", "Hřbitov u kostela na kopci, v pozadí město zahalené mlhou"},
		{"windows-1251", "ru", "ru", "Деревянная лодка на берегу озера ранним утром"},
		{"koi8-r", "ru", "ru", "Деревянная лодка на берегу озера ранним утром"},
		{"iso-8859-7", "el", "gr", "Ψαροκάικα αραγμένα στο λιμάνι λίγο πριν βραδιάσει"},
		{"windows-1254", "tr", "tr", "Eski köprünün altında yüzen ördekler ve balık tutan çocuklar"},
		{"windows-1255", "he", "il", "סירות דיג קטנות ליד החוף לפנות ערב"},
		{"windows-1256", "ar", "sa", "قوارب صيد صغيرة قرب الشاطئ عند الغروب"},
		{"shift_jis", "ja", "jp", "港に並ぶ漁船と夕焼けの空"},
		{"euc-jp", "ja", "jp", "港に並ぶ漁船と夕焼けの空"},
		{"iso-2022-jp", "ja", "jp", "港に並ぶ漁船と夕焼けの空"},
		{"gb18030", "zh", "cn", "傍晚时分港口停泊着几艘渔船"},
		{"big5", "zh", "tw", "傍晚時分港口停泊著幾艘漁船"},
		{"euc-kr", "ko", "kr", "해 질 무렵 항구에 늘어선 고깃배들"},
		{"utf-8", "ja", "jp", "港に並ぶ漁船と夕焼けの空"},
		{"utf-8", "de", "de", "Fischerboote im Hafen, kurz vor Sonnenuntergang über Rügen"},
	}
}

// declarations are the ways to state a character set, and not to. A page has
// places for a declaration at its start, in its head and in its body.
func declarations() []struct{ name, header, start, head, body string } {
	filler := strings.Repeat("<link rel=stylesheet href=/style/of/the/page.css>\n", 40)
	return []struct{ name, header, start, head, body string }{
		{name: "header", header: "text/html; charset=CHARSET"},
		{name: "header in quotes", header: `text/html; Charset="CHARSET"`},
		{name: "header beats meta", header: "text/html;charset=CHARSET", head: "<meta charset=windows-1257>"},
		{name: "meta", head: "<meta charset=CHARSET>"},
		{name: "meta in capitals", head: `<META CHARSET="CHARSET"/>`},
		{name: "http-equiv", head: `<meta http-equiv="Content-Type" content="text/html; charset=CHARSET">`},
		{name: "http-equiv, the other way round", head: `<meta content='text/html;charset="CHARSET"' http-equiv=content-type>`},
		{name: "meta beyond the first kilobyte", head: filler + "<meta charset=CHARSET>"},
		{name: "meta across the first kilobyte", head: strings.Repeat(" ", 1024-len("<html><head>")-8) + `<meta http-equiv="Content-Type" content="text/html; charset=CHARSET">`},
		{name: "meta behind a long script", head: "<script>" + strings.Repeat("var a = '<meta charset=x>';\n", 80) + "</script><meta charset=CHARSET>"},
		{name: "XML declaration", start: `<?xml version="1.0" encoding="CHARSET"?>`},
		{name: "meta in the body", body: strings.Repeat("<p>\n", 400) + "<meta charset=CHARSET>"},
		{name: "a comment states another", head: "<!-- <meta charset=windows-1257> --><meta charset=CHARSET>"},
		{name: "none"},
		{name: "none, with a language", start: "<html lang=LANGUAGE-x>"},
		{name: "none, in its land"},
	}
}

// TestCharacterSetMatrix reads a caption in each character set, declared in all
// ways. Where nothing is declared a short text may be read as another, but no
// more often than said here.
func TestCharacterSetMatrix(t *testing.T) {
	right, all := 0, 0
	for _, l := range languages() {
		enc, err := htmlindex.Get(l.charset)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range declarations() {
			page := d.start + "<html><head>" + d.head + "<title>Photos</title></head><body>" + d.body + "<p>Back <a href=/>home</a><img src=a.png alt='" + l.text + "'></body></html>"
			fill := strings.NewReplacer("CHARSET", l.charset, "LANGUAGE", l.lang)
			body, err := enc.NewEncoder().String(fill.Replace(page))
			if err != nil {
				t.Fatal(err)
			}
			host := "http://x.org/"
			if d.name == "none, in its land" {
				host = "http://x." + l.land + "/"
			}
			p, err := Extract([]byte(body), fill.Replace(d.header), address(t, host))
			if err != nil {
				t.Fatal(err)
			}
			all++
			got := ""
			if len(p.Candidates) == 1 {
				got = p.Candidates[0].Text
			}
			if got == l.text {
				right++
			} else if declared := !strings.HasPrefix(d.name, "none"); declared {
				t.Errorf("%s, %s: got %q, want %q", l.charset, d.name, got, l.text)
			} else {
				t.Logf("%s, %s: read as %q", l.charset, d.name, got)
			}
		}
	}
	t.Logf("%d of %d pages are read as they were meant", right, all)
	if right < all {
		t.Errorf("only %d of %d pages are read as they were meant", right, all)
	}
}

// Undeclared texts of a few letters: what a gallery's captions have.
func TestShortUndeclaredTexts(t *testing.T) {
	right, all := 0, 0
	for _, tt := range []struct{ charset, words string }{
		{"windows-1252", "Müller|Rosé|Garçon|Año nuevo|Ærø|Smörgås|Æble|L’été|Über uns|São Tomé"},
		{"iso-8859-2", "Łódź|Gdańsk|Jeż|Kraków|Żółw|Kůň|Dům|Křeček|Győr|Tűz"},
		{"windows-1251", "Лес|Кот|Море|Собака|Весна|Москва|ЗИМА|Дети|Гора|Река"},
		{"koi8-r", "Лес|Кот|Море|Собака|Весна|Москва|Зима|Дети|Гора|Река"},
		{"iso-8859-7", "Θάλασσα|Αθήνα|Γάτα|Σκύλος|Βουνό|Χωριό|Λουλούδι|Πόλη|Δέντρο|Ουρανός"},
		{"windows-1255", "ירושלים|חתול|כלב|ים|הר|עץ|בית|פרח|ילדים|שמש"},
		{"windows-1256", "البحر|قطة|كلب|مدينة|جبل|زهرة|أطفال|بيت|شجرة|سماء"},
		{"shift_jis", "富士山|ねこ|イヌ|海辺|桜|紅葉|子ども|お祭り|ラーメン|神社"},
		{"euc-jp", "富士山|ねこ|イヌ|海辺|桜|紅葉|子ども|お祭り|ラーメン|神社"},
		{"gb18030", "长城|熊猫|大海|春天|孩子|上海|花园|美食|天空|老人"},
		{"big5", "長城|熊貓|大海|春天|孩子|臺北|花園|美食|天空|老人"},
		{"euc-kr", "바다|강아지|서울|단풍|아이들|김치|벚꽃|하늘|기차역|시장"},
	} {
		enc, err := htmlindex.Get(tt.charset)
		if err != nil {
			t.Fatal(err)
		}
		good := 0
		for word := range strings.SplitSeq(tt.words, "|") {
			body, err := enc.NewEncoder().String("<title>Photos</title><img src=a.png alt='" + word + "'>")
			if err != nil {
				t.Fatal(err)
			}
			p, err := Extract([]byte(body), "", address(t, "http://x.org/"))
			if err != nil {
				t.Fatal(err)
			}
			all++
			if got := lines(p); got == fmt.Sprintf("alt /a.png | %s\n", word) {
				good++
			} else {
				t.Logf("%s: %s read as %s", tt.charset, word, strings.TrimSpace(got))
			}
		}
		right += good
	}
	t.Logf("%d of %d words are read as they were meant", right, all)
	if right < 90 {
		t.Errorf("only %d of %d words are read as they were meant", right, all)
	}
}

package alttext

import (
	"strings"
	"testing"

	"golang.org/x/text/encoding/htmlindex"
)

// Pages that state no character set, as they reach us and as they are meant.
func TestUndeclaredCharacterSets(t *testing.T) {
	const markup = `<html><head><title>Photos</title></head><body><p>Back to <a href="index.html">home</a></p><img src=a.png alt="TEXT"></body></html>`
	for _, tt := range []struct{ charset, text string }{
		{"shift_jis", "桜の木の下で写真を撮る家族"},
		{"shift_jis", "コンピューターとキーボード"},
		{"euc-jp", "京都の古い寺の庭にある池と橋"},
		{"gb18030", "一只红色的狐狸站在雪地里看着我们"},
		{"gb18030", "北京故宫的红墙和金色的屋顶，旁边有几个游客"},
		{"big5", "台北的夜市有很多人在吃東西，還有賣水果的攤子"},
		{"euc-kr", "서울의 오래된 궁궐 앞에서 사진을 찍는 사람들"},
		{"windows-1251", "Рыжая лисица стоит на снегу и смотрит на людей, которые идут по дороге"},
		{"koi8-r", "Рыжая лисица стоит на снегу и смотрит на людей, которые идут по дороге"},
		{"iso-8859-7", "Μια κόκκινη αλεπού στέκεται στο χιόνι και κοιτάζει τους ανθρώπους που περνούν από το δρόμο"},
		{"windows-1252", "Der kleine Bär frißt süße Äpfel"},
		{"windows-1252", "L’élève près de l’hôtel – à 5 €"},
		{"windows-1252", "Café"},
		{"utf-8", "桜の木"},
	} {
		t.Run(tt.charset+" "+tt.text, func(t *testing.T) {
			enc, err := htmlindex.Get(tt.charset)
			if err != nil {
				t.Fatal(err)
			}
			page, err := enc.NewEncoder().String(strings.Replace(markup, "TEXT", tt.text, 1))
			if err != nil {
				t.Fatal(err)
			}
			for range 20 { // the same every time
				p, err := Extract([]byte(page), "text/html", address(t, "http://x.org/"))
				if err != nil {
					t.Fatal(err)
				}
				if got, want := lines(p), "alt /a.png | "+tt.text+"\n"; got != want {
					t.Fatalf("got %q, want %q", got, want)
				}
			}
		})
	}
}

// Damage does not make another character set of UTF-8, and stays visible.
func TestDamagedUTF8(t *testing.T) {
	whole := `<img src=a.png alt="` + strings.Repeat("grüne Äpfel ", 20) + `"><img src=b.png alt="süß">`
	for _, tt := range []struct{ name, page, want string }{
		{"cut inside a character", whole + "<p>\xc3", "süß"},
		{"one stray byte", whole + "<img src=c.png alt='stra\xdfe'>", "stra\uFFFDe"},
		{"one stray byte among few characters", "<img src=a.png alt='grüne Äpfel'><img src=b.png alt='s\xfc\u00df'>", "grüne Äpfel"},
		{"bytes of no character set", "<img src=a.png alt='\xff\xfe\x81\x8d\xff \x81\x8f\xff\xff\xfe'>", "\uFFFD"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			// No byte order mark stands at the start.
			p, err := Extract([]byte("<html>"+strings.Repeat(" ", 1100)+tt.page), "text/html", address(t, "http://x.org/"))
			if err != nil {
				t.Fatal(err)
			}
			if got := lines(p); !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want a text with %q", got, tt.want)
			}
		})
	}
}

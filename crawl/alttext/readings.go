package alttext

// readings are those that are tried, the likelier first among equals.
var readings = [...]reading{
	{charset: "windows-1252", latin: true, languages: "de en fr es pt it nl sv da no nb fi is ca", lands: "de at ch fr es pt br mx ar it nl be se dk no fi",
		often: "äöüßéèàçñáíóúêâãõå", seldom: "øæëîïôûœùìòšžýðþÿ¿¡ºª"},
	{charset: "windows-1250", latin: true, languages: centralLanguages, lands: centralLands,
		often: centralOften, seldom: centralSeldom},
	{charset: "iso-8859-2", latin: true, languages: centralLanguages, lands: centralLands,
		often: centralOften, seldom: centralSeldom},
	{charset: "windows-1254", latin: true, languages: "tr az", lands: "tr az",
		often: "ıışğüçöİ", seldom: "âîû"},
	{charset: "windows-1251", languages: "ru uk bg be sr mk", lands: "ru su ua bg by kz",
		often: russianOften, seldom: russianSeldom + "іїєґў"},
	{charset: "koi8-r", languages: "ru", lands: "ru su",
		often: russianOften, seldom: russianSeldom},
	{charset: "iso-8859-5", languages: "ru bg sr mk", lands: "",
		often: russianOften, seldom: russianSeldom},
	{charset: "ibm866", languages: "ru", lands: "",
		often: russianOften, seldom: russianSeldom},
	{charset: "windows-1253", languages: "el", lands: "gr cy",
		often: greekOften, seldom: greekSeldom},
	{charset: "iso-8859-7", languages: "el", lands: "gr cy",
		often: greekOften, seldom: greekSeldom},
	{charset: "windows-1255", languages: "he iw yi", lands: "il",
		often: "יוהלארבתםמשנ", seldom: "עדקחפטגכסזצךןץף"},
	{charset: "windows-1256", languages: "ar fa ur", lands: "sa ae eg ir sy jo",
		often: "ايلمنورتبعةكدسفهقحج", seldom: "أشصىخطإضذءظغثئؤزآپچژگ"},
	{charset: "windows-874", languages: "th", lands: "th",
		often: "านรกอเงยลวมสดทตคปะี่้ัิไ์ห", seldom: "ขใบพจชแผถซญธศษณฐฉฟภโำึืุู็๊๋ๆฯ"},
	{charset: "shift_jis", languages: "ja", lands: "jp", often: kana, seldom: japaneseOften, pairs: shiftJIS},
	{charset: "euc-jp", languages: "ja", lands: "jp", often: kana, seldom: japaneseOften, pairs: eucJP},
	{charset: "gb18030", languages: "zh", lands: "cn", often: "", seldom: simplifiedOften, pairs: gb2312},
	{charset: "big5", languages: "zh", lands: "tw hk mo", often: "", seldom: traditionalOften, pairs: big5},
	{charset: "euc-kr", languages: "ko", lands: "kr", often: "", seldom: koreanOften, pairs: eucKR},
}

const (
	centralLanguages = "pl cs sk hu sl hr ro"
	centralLands     = "pl cz sk hu si hr ro"
	centralOften     = "ąęłóśżźćńáíéěščřžýůúťňďőűöüľ"
	centralSeldom    = "ôäđăâîşţ"
	russianOften     = "оеаинтсрвлкмдпуяыьгз"
	russianSeldom    = "бчйхжшюцщэфъё"
	greekOften       = "αοιετσνηυρπκλμωςόήέάί"
	greekSeldom      = "δγχθβφξζψώύϊϋΐΰ"

	kana = "のにをはがでとたしてるいれなもすかりこそっまらさあうえおきくけせちつぬねはひふへほみむめやゆよろわんだじげどばびぶづご" +
		"アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワンーガギグゲゴザジズゼゾダデドバビブベボパピプペポャュョッァィェォ"
	japaneseOften    = "日一国人年大本中長出三時行見月分後前生上部東者地市内方四今回新場入立開手力学高明子動京全目通外最下山川水木花海空道車駅家族夜朝春夏秋冬雪赤青白黒、。・"
	simplifiedOften  = "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里城市夜景小红色看们站雪狗猫山水花海天空车路家门，。、的"
	traditionalOften = "的一是不了在人有我他這個們中來上大為和國地到以說時要就出會可也你對生能而子那得於著下自之年過發後作裡城市夜景小紅色看站雪狗貓山水花海天空車路家門，。、還"
	koreanOften      = "이다는의에을가고를은하서지기로사한도자리인나시아대일그어전정수부성스장원보제해동물진우여구상고양눈위산바꽃집"
)

// The first half of a double-byte set has the characters in common use, ordered
// by how they are read, the second the rare ones, ordered by how they are drawn.

func shiftJIS(lead, trail byte) float64 {
	switch {
	case halfWidth(lead): // katakana of half the width
		return -1
	case lead == 0x82 || lead == 0x83 || lead == 0x81:
		return 0.3
	case lead >= 0x88 && lead <= 0x97, lead == 0x98 && trail <= 0x72:
		return 1
	}
	return -1
}

func eucJP(lead, _ byte) float64 {
	switch {
	case lead == 0xa1 || lead == 0xa4 || lead == 0xa5:
		return 0.3
	case lead >= 0xb0 && lead <= 0xcf:
		return 1
	}
	return -1
}

func gb2312(lead, trail byte) float64 {
	switch {
	case trail < 0xa1: // beyond GB 2312
		return -1.5
	case lead == 0xa1 || lead == 0xa3:
		return 0.5
	case lead >= 0xb0 && lead <= 0xd7:
		return 1.1
	}
	return -1
}

func big5(lead, _ byte) float64 {
	switch {
	case lead == 0xa1:
		return 0.5
	case lead >= 0xa4 && lead <= 0xc6:
		return 1.1
	}
	return -1
}

func eucKR(lead, trail byte) float64 {
	switch {
	case trail < 0xa1: // beyond KS X 1001
		return -1
	case lead == 0xa1:
		return 0.5
	case lead >= 0xb0 && lead <= 0xc8:
		return 1.3
	}
	return -1
}

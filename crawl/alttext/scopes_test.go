package alttext

import (
	"fmt"
	"strings"
	"testing"
)

// What stands in what, without a tree.
func TestScopes(t *testing.T) {
	const svg = `<svg xmlns="x">`
	for _, tt := range []struct{ name, page, want string }{
		{"a picture ends", `<picture><source srcset="b 9w"><img src=a alt=x></picture><img src=c alt=y>`, "alt /d/b | x\nalt /d/c | y\n"},
		{"a picture that is not closed ends with what is around it", `<div><picture><source srcset="b 9w"><img src=a alt=x></div><img src=c alt=y>`, "alt /d/b | x\nalt /d/c | y\n"},
		{"blocks in a picture", `<div><picture><div><source srcset="b 9w"></div><img src=a alt=x></picture></div>`, "alt /d/b | x\n"},
		{"source of another kind", `<audio><source srcset="b 9w"></audio><img src=a alt=x>`, "alt /d/a | x\n"},
		{"noscript in a picture", `<picture><source srcset="b 9w"><noscript><img src=a alt=x></noscript></picture>`, "alt /d/b | x\n"},
		{"a figure that is not closed", `<div><figure><img src=a></div><img src=b alt=y><figcaption>c</figcaption>`, "alt /d/b | y\n"},
		{"a caption before its pictures", `<figure><figcaption>c</figcaption><p><img src=a><p><img src=b></figure>`, "figcaption /d/a | c\nfigcaption /d/b | c\n"},
		{"two captions", `<figure><figcaption>one</figcaption><img src=a><figcaption>two</figcaption></figure>`, "figcaption /d/a | one two\n"},
		{"a figure in a caption", `<figure><img src=a><figcaption>out <figure><img src=b><figcaption>in</figcaption></figure> side</figcaption></figure>`,
			"figcaption /d/a | out side\nfigcaption /d/b | in\n"},
		{"a caption without a figure", `<figcaption>c</figcaption><img src=a alt=x>`, "alt /d/a | x\n"},
		{"what is no text of a caption", `<figure><img src=a><figcaption>c<script>s</script><style>s</style><template>t</template><!-- c --></figcaption></figure>`, "figcaption /d/a | c\n"},
		{"image is img", `<image src=a alt=x>`, "alt /d/a | x\n"},
		{"image in SVG is none", svg + `<image href=a src=a alt=x></svg><img src=b alt=y>`, "alt /d/b | y\n"},
		{"img ends SVG", svg + `<g><img src=b alt=y><image src=a alt=x>`, "alt /d/b | y\nalt /d/a | x\n"},
		{"HTML inside SVG", svg + `<foreignObject><div><image src=a alt=x></div></foreignObject><image src=b alt=y></svg>`, "alt /d/a | x\n"},
		{"a style in SVG is markup", svg + `<style><img src=a alt=x></style></svg>`, "alt /d/a | x\n"},
		{"a closed SVG", `<svg/><image src=a alt=x>`, "alt /d/a | x\n"},
		{"character data in SVG", svg + `<![CDATA[ > <img src=no alt=no> ]]></svg><img src=a alt=x>`, "alt /d/a | x\n"},
		{"character data outside is a comment", `<![CDATA[ > <img src=a alt=x> ]]>`, "alt /d/a | x\n"},
		{"raw text", `<textarea><img src=no alt=no></textarea><title><img src=no alt=no></title><xmp><img src=no alt=no></xmp><iframe><img src=no alt=no></iframe><img src=a alt=x>`, "alt /d/a | x\n"},
		{"comment", `<!-- <img src=no alt=no> --!><img src=a alt=x>`, "alt /d/a | x\n"},
		{"templates in templates", `<template><template></template><img src=no alt=no></template><img src=a alt=x>`, "alt /d/a | x\n"},
		{"a tag cut off", `<img src=a alt=x><img src=b alt="y`, "alt /d/a | x\n"},
		{"a base after all", `<img src=a alt=x><base href=/e/><img src=b alt=y>`, "alt /e/a | x\nalt /e/b | y\n"},
		{"a base in a template", `<template><base href=/e/></template><img src=a alt=x>`, "alt /d/a | x\n"},
		{"NUL", "<img src=a alt='x\x00y'>", "alt /d/a | x\uFFFDy\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := lines(page(t, tt.page)); got != tt.want {
				t.Errorf("got\n%swant\n%s", got, tt.want)
			}
		})
	}
}

func TestLanguages(t *testing.T) {
	for _, tt := range []struct{ name, page, want string }{
		{"ends with its element", `<html lang=en><div lang=de><div>I</div>I</div>I`, "de de en"},
		{"of the picture itself", `<html lang=en><img lang=fr src=a alt=x>I`, "fr en"},
		{"the nearest", `<div lang=de><span lang=fr>I</span>I</div>I`, "fr de -"},
		{"xml:lang", `<html xml:lang=en><p xml:lang=DE-at>I<p>I`, "de-at en"},
		{"lang before xml:lang", `<p xml:lang=en lang=de>I`, "de"},
		{"none again", `<html lang=en><p lang="">I`, "-"},
		{"what is none", `<html lang=en><p lang="de_DE">I`, "-"},
		{"end tags left out", `<html lang=en><ul><li lang=de>I<ul><li>I</ul>I<li>I</ul>`, "de de de en"},
		{"p ends with a block", `<html lang=en><p lang=de>I<div>I</div>`, "de en"},
		{"cells", `<html lang=en><table><tr><td lang=de>I<td>I<tr lang=fr><td>I<tr><td>I</table>`, "de en fr en"},
		{"ends with what is around it", `<html lang=en><div><i lang=de>I</div>I`, "de en"},
		{"an end tag too many", `<body lang=en></div>I`, "en"},
		{"elements that nobody knows", `<html lang=en><x-y lang=de><x-y></x-y>I</x-y>I`, "de en"},
		{"scripts have none", `<html lang=en><script lang=ts></script>I`, "en"},
		{"a figure with one", `<html lang=en><figure lang=de>I</figure>I`, "de en"},
	} {
		n := 0
		markup := tt.page
		for strings.Contains(markup, "I") {
			markup = strings.Replace(markup, "I", fmt.Sprintf("<img src=%d alt=x>", n), 1)
			n++
		}
		var got []string
		for _, c := range page(t, markup).Candidates {
			if got = append(got, c.Language); c.Language == "" {
				got[len(got)-1] = "-"
			}
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, strings.Join(got, " "), tt.want)
		}
	}
}

// Package gpt2 lets the text tower start from a language model's weights: those
// of a GPT-2 in safetensors.
//
// [Read] takes the file with vocab.json and merges.txt beside it, as they are
// published, and holds every tensor's shape against the others. [Model.Load]
// writes token embeddings, positions, layers and the last layer norm into a
// model's text tower, whose text_projection keeps its draw. The widths must be
// equal. The tower takes the first of GPT-2's layers; layers and positions that
// GPT-2 lacks keep their draw. Names may begin with "transformer."; masks and
// lm_head are not read. [Hash] stands for the content of the files.
//
// # What stays different
//
// GPT-2's activation is gelu_new, 0.5x(1+tanh(sqrt(2/pi)(x+0.044715x^3))), where
// the tower has the exact GELU, which differs by at most 4.8e-4, or QuickGELU,
// by at most 0.021 (TestGELU). After 12 layers 768 wide, with random weights, the
// exact GELU moves a text's rows by 2.6e-4 of their length. Training, which goes
// on with all weights, absorbs that.
//
// Heads cannot be told from weights: those of the published models are 64 wide,
// as are those of the presets of their widths.
//
// # Vocabulary
//
// GPT-2 keeps case and writes the space before a word as part of it; our tokens
// are lower case, and some end a word. So each of our tokens takes the embedding
// of the one GPT-2 token for its bytes, as they are, with a capital, or all in
// capitals. If it ends a word of letters or digits, a space before it is tried
// first ("paris" that ends a word: " paris", " Paris", " PARIS", "paris", ...);
// otherwise last. Where there is none, it takes the mean of the tokens that GPT-2
// cuts it into, and a token with a byte that the vocabulary lacks keeps its draw.
// Start and end of a text are both <|endoftext|>.
//
// [Account] counts these cases, and the run says them at its first step. Of the
// public vocabulary's 49,408 tokens 29,078 have one token of GPT-2's published
// 50,257, 20,330 the mean of several (15,196 of them that of two), none its draw.
package gpt2

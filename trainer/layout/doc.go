// Package layout makes the files that other programs read beside the weights of a
// CLIP, and reads those of others: what the model is, how pictures are prepared for it, and its tokenizer.
//
//	open_clip_config.json     for open_clip: model_cfg, preprocess_cfg
//	bpe_vocabulary.txt.gz     merges as open_clip's SimpleTokenizer(bpe_path=...) reads them
//	vocab.json, merges.txt,   the tokenizer, for transformers and for open_clip
//	tokenizer_config.json
//	config.json               for transformers' CLIPModel
//	preprocessor_config.json  for its CLIPImageProcessor
//
// [OpenCLIP] gives those of open_clip, which lie in every checkpoint: its weights
// have open_clip's names. [HuggingFace] gives those of transformers, whose weights
// have other names: [clip.HuggingFaceTensors]. Both are functions of the model's
// shape and its vocabulary alone, equal to the byte for equal ones.
//
// [Open] reads the same files where others wrote them: it finds the weights of a file
// or a folder, and what lies beside them to say what the model is ([Given]). What it
// cannot obey it refuses, by the name of the file and of the key ([Unusable]): vectors
// that are a little off are worse than none. [Given.Load] copies the weights to a model
// as they are read.
package layout

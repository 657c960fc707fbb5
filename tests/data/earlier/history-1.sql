BEGIN TRANSACTION;
CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
INSERT INTO "_sqlite_migrations" VALUES(1,'citewell','conversations','2026-11-27 08:05:49.766329+00:00');
INSERT INTO "_sqlite_migrations" VALUES(2,'citewell','feedback','2026-11-27 08:05:49.769946+00:00');
CREATE TABLE "conversations" (
   "id" TEXT PRIMARY KEY,
   "title" TEXT,
   "created" TEXT,
   "updated" TEXT
);
INSERT INTO "conversations" VALUES('one','what is meazles, a disease?','2026-11-27T08:05:49+00:00','2026-11-27T08:05:49+00:00');
CREATE TABLE "feedback" (
   "seal" TEXT PRIMARY KEY,
   "created" TEXT,
   "good" INTEGER,
   "reason" TEXT,
   "better" TEXT,
   "receipt" TEXT
);
INSERT INTO "feedback" VALUES('a94dc3abfcc208fcca96d60d9ca768e60a1ea13308a69b58b82a01b86d9f5b70','2026-11-27T08:05:49+00:00',0,'wrong','Nobody knows.','{
  "answer": {
    "question": "and what causes it?",
    "search_query": "what causes measles disease",
    "notes": [
      "understood as: what causes measles disease"
    ],
    "notice": null,
    "text": "It comes from cold feet.",
    "abstained": false,
    "answerable": 1.0,
    "closest": [],
    "finished": true,
    "ahead": 0,
    "sentences": [
      {
        "text": "It comes from cold feet.",
        "start": 0,
        "end": 24,
        "verdict": "unsupported",
        "support": 0.0,
        "citations": []
      }
    ],
    "evidence": [
      {
        "passage_id": "192c42c2a0e38fe9-0",
        "record_id": "192c42c2a0e38fe9",
        "question": "What is measles?",
        "text": "Measles is a very contagious disease. A vaccine prevents it in 97 percent of people.",
        "source": "fever",
        "url": "",
        "score": 1.0,
        "scores": {
          "headed": 0.371337890625,
          "question": 0.5,
          "lexical": 1.3308825492858887
        },
        "ranks": {
          "headed": 1,
          "question": 1,
          "lexical": 1
        },
        "start": 0,
        "n": 1
      }
    ],
    "leads": [
      {
        "passage_id": "192c42c2a0e38fe9-0",
        "start": 0,
        "text": "Measles is a very contagious disease."
      }
    ],
    "dropped": [
      {
        "passage_id": "1e5d99d268e39559-0",
        "reason": "similarity 0.19 is below 0.20",
        "question": "What causes acne?",
        "score": 0.9000000000000001,
        "scores": {
          "headed": 0.1925048828125,
          "question": 0.5,
          "lexical": 0.441887766122818
        },
        "ranks": {
          "headed": 2,
          "question": 2,
          "lexical": 2
        }
      },
      {
        "passage_id": "5d1eb2360be62b77-0",
        "reason": "similarity 0.16 is below 0.20",
        "question": "What is gout?",
        "score": 0.8181818181818181,
        "scores": {
          "headed": 0.1561279296875,
          "question": 0.25,
          "lexical": 0.3375461995601654
        },
        "ranks": {
          "headed": 3,
          "question": 3,
          "lexical": 3
        }
      },
      {
        "passage_id": "96fbbddf490d03e1-0",
        "reason": "similarity 0.00 is below 0.20",
        "question": "How long does a cold last?",
        "score": 0.5,
        "scores": {
          "headed": 0.0,
          "question": 0.0
        },
        "ranks": {
          "headed": 4,
          "question": 4
        }
      }
    ],
    "generated": "It comes from cold feet [1].",
    "prompt": "<system> You are a health librarian. Answer the question in two to five plain sentences, using only what the passages say. Cite the passage after each sentence, like [1]. If no passage is about the question, write only: The passages do not answer this question.\n<user> [1] Why do we sweat?\nSweat cools the skin as it dries. It is mostly water and a little salt. Heat, effort and fever make the body sweat more.\n\n[2] How much water is in the body?\nWater makes up a little over half of an adult''s weight. Muscle holds more water than fat does.\n\nQuestion: what is sweat for and when do people sweat more\n<assistant> Sweat cools the skin as it dries [1]. It is mostly water and a little salt [1]. People sweat more in heat, during effort and with fever [1].\n<user> [1] What is measles?\nMeasles is a very contagious disease. A vaccine prevents it in 97 percent of people.\n\nQuestion: what causes measles disease",
    "model": {
      "engine": "queue",
      "model": "queue-of-replies",
      "device": "none",
      "processor": "AVX-512 with bf16, 2 cores"
    },
    "index": {
      "build": "20261127T080549-41b94a",
      "csv": "small.csv",
      "csv_sha256": "68d265a8dc10020bc32b7823398847e9587be1bf1287c9058c1197c6075999d8",
      "embedder": "words@1",
      "adapter": ""
    },
    "timings": {
      "search_s": 0.0008897070001694374,
      "first_token_s": 0.009762561001480208,
      "generate_s": 0.009264338001230499,
      "total_s": 0.010154045001399936,
      "prompt_tokens": 203,
      "answer_tokens": 6
    }
  },
  "created": "2026-11-27T08:05:49+00:00",
  "schema": "citewell.receipt/1",
  "sha256": "e61b139c1f4e4751a13908c6272bbace1c34f9d9ff1b17246653632792d4b67e"
}
');
CREATE TABLE "turns" (
   "conversation" TEXT REFERENCES "conversations"("id"),
   "number" INTEGER,
   "question" TEXT,
   "said" TEXT,
   "receipt" TEXT,
   "error" TEXT,
   PRIMARY KEY ("conversation", "number")
);
INSERT INTO "turns" VALUES('one',0,'what is meazles, a disease?','Measles is a very contagious disease. [1] A vaccine prevents it in 97 percent of people. [1]','{
  "answer": {
    "question": "what is meazles, a disease?",
    "search_query": "what is measles, a disease?",
    "notes": [
      "searched for ''measles'' in place of ''meazles''",
      "the passages answer only a part of this question"
    ],
    "notice": null,
    "text": "Measles is a very contagious disease. [1] A vaccine prevents it in 97 percent of people. [1]",
    "abstained": false,
    "answerable": 1.0,
    "closest": [],
    "finished": true,
    "ahead": 0,
    "sentences": [
      {
        "text": "Measles is a very contagious disease.",
        "start": 0,
        "end": 37,
        "verdict": "supported",
        "support": 1.0,
        "citations": [
          {
            "n": 1,
            "passage_id": "192c42c2a0e38fe9-0",
            "start": 0,
            "end": 37,
            "quote": "Measles is a very contagious disease."
          }
        ]
      },
      {
        "text": "A vaccine prevents it in 97 percent of people.",
        "start": 42,
        "end": 88,
        "verdict": "supported",
        "support": 1.0,
        "citations": [
          {
            "n": 1,
            "passage_id": "192c42c2a0e38fe9-0",
            "start": 38,
            "end": 84,
            "quote": "A vaccine prevents it in 97 percent of people."
          }
        ]
      }
    ],
    "evidence": [
      {
        "passage_id": "192c42c2a0e38fe9-0",
        "record_id": "192c42c2a0e38fe9",
        "question": "What is measles?",
        "text": "Measles is a very contagious disease. A vaccine prevents it in 97 percent of people.",
        "source": "fever",
        "url": "",
        "score": 1.0,
        "scores": {
          "headed": 0.6315863728523254,
          "question": 0.7559289932250977,
          "lexical": 1.3308825492858887
        },
        "ranks": {
          "headed": 1,
          "question": 1,
          "lexical": 1
        },
        "start": 0,
        "n": 1
      },
      {
        "passage_id": "5d1eb2360be62b77-0",
        "record_id": "5d1eb2360be62b77",
        "question": "What is gout?",
        "text": "Gout is a form of arthritis. It is caused by crystals of uric acid in a joint.",
        "source": "joints",
        "url": "",
        "score": 0.6000000000000001,
        "scores": {
          "headed": 0.4131218492984772,
          "question": 0.5669467449188232
        },
        "ranks": {
          "headed": 2,
          "question": 2
        },
        "start": 0,
        "n": 2
      }
    ],
    "leads": [
      {
        "passage_id": "192c42c2a0e38fe9-0",
        "start": 0,
        "text": "Measles is a very contagious disease."
      },
      {
        "passage_id": "5d1eb2360be62b77-0",
        "start": 0,
        "text": "Gout is a form of arthritis."
      }
    ],
    "dropped": [
      {
        "passage_id": "96fbbddf490d03e1-0",
        "reason": "similarity 0.20 is below 0.20",
        "question": "How long does a cold last?",
        "score": 0.5227272727272728,
        "scores": {
          "headed": 0.19737941026687622,
          "question": 0.28568801283836365
        },
        "ranks": {
          "headed": 3,
          "question": 4
        }
      },
      {
        "passage_id": "1e5d99d268e39559-0",
        "reason": "similarity 0.15 is below 0.20",
        "question": "What causes acne?",
        "score": 0.5227272727272728,
        "scores": {
          "headed": 0.14552001655101776,
          "question": 0.37796449661254883
        },
        "ranks": {
          "headed": 4,
          "question": 3
        }
      }
    ],
    "generated": "Measles is a very contagious disease [1]. A vaccine prevents it in 97 percent of people [1]. The passages do not say the rest.",
    "prompt": "<system> You are a health librarian. Answer the question in two to five plain sentences, using only what the passages say. Cite the passage after each sentence, like [1]. If no passage is about the question, write only: The passages do not answer this question.\n<user> [1] Why do we sweat?\nSweat cools the skin as it dries. It is mostly water and a little salt. Heat, effort and fever make the body sweat more.\n\n[2] How much water is in the body?\nWater makes up a little over half of an adult''s weight. Muscle holds more water than fat does.\n\nQuestion: what is sweat for and when do people sweat more\n<assistant> Sweat cools the skin as it dries [1]. It is mostly water and a little salt [1]. People sweat more in heat, during effort and with fever [1].\n<user> [1] What is measles?\nMeasles is a very contagious disease. A vaccine prevents it in 97 percent of people.\n\n[2] What is gout?\nGout is a form of arthritis. It is caused by crystals of uric acid in a joint.\n\nQuestion: what is measles, a disease?",
    "model": {
      "engine": "queue",
      "model": "queue-of-replies",
      "device": "none",
      "processor": "AVX-512 with bf16, 2 cores"
    },
    "index": {
      "build": "20261127T080549-41b94a",
      "csv": "small.csv",
      "csv_sha256": "68d265a8dc10020bc32b7823398847e9587be1bf1287c9058c1197c6075999d8",
      "embedder": "words@1",
      "adapter": ""
    },
    "timings": {
      "search_s": 0.0035573160002968507,
      "first_token_s": 0.031893188001049566,
      "generate_s": 0.031141948000367847,
      "total_s": 0.0346992640006647,
      "prompt_tokens": 232,
      "answer_tokens": 24
    }
  },
  "created": "2026-11-27T08:05:49+00:00",
  "schema": "citewell.receipt/1",
  "sha256": "ff5ed2d76bd06fa49b306cb49efc5385c85f2e2367ec5b1c9616a7a763016b9e"
}
','');
INSERT INTO "turns" VALUES('one',1,'and what causes it?','It comes from cold feet.','{
  "answer": {
    "question": "and what causes it?",
    "search_query": "what causes measles disease",
    "notes": [
      "understood as: what causes measles disease"
    ],
    "notice": null,
    "text": "It comes from cold feet.",
    "abstained": false,
    "answerable": 1.0,
    "closest": [],
    "finished": true,
    "ahead": 0,
    "sentences": [
      {
        "text": "It comes from cold feet.",
        "start": 0,
        "end": 24,
        "verdict": "unsupported",
        "support": 0.0,
        "citations": []
      }
    ],
    "evidence": [
      {
        "passage_id": "192c42c2a0e38fe9-0",
        "record_id": "192c42c2a0e38fe9",
        "question": "What is measles?",
        "text": "Measles is a very contagious disease. A vaccine prevents it in 97 percent of people.",
        "source": "fever",
        "url": "",
        "score": 1.0,
        "scores": {
          "headed": 0.371337890625,
          "question": 0.5,
          "lexical": 1.3308825492858887
        },
        "ranks": {
          "headed": 1,
          "question": 1,
          "lexical": 1
        },
        "start": 0,
        "n": 1
      }
    ],
    "leads": [
      {
        "passage_id": "192c42c2a0e38fe9-0",
        "start": 0,
        "text": "Measles is a very contagious disease."
      }
    ],
    "dropped": [
      {
        "passage_id": "1e5d99d268e39559-0",
        "reason": "similarity 0.19 is below 0.20",
        "question": "What causes acne?",
        "score": 0.9000000000000001,
        "scores": {
          "headed": 0.1925048828125,
          "question": 0.5,
          "lexical": 0.441887766122818
        },
        "ranks": {
          "headed": 2,
          "question": 2,
          "lexical": 2
        }
      },
      {
        "passage_id": "5d1eb2360be62b77-0",
        "reason": "similarity 0.16 is below 0.20",
        "question": "What is gout?",
        "score": 0.8181818181818181,
        "scores": {
          "headed": 0.1561279296875,
          "question": 0.25,
          "lexical": 0.3375461995601654
        },
        "ranks": {
          "headed": 3,
          "question": 3,
          "lexical": 3
        }
      },
      {
        "passage_id": "96fbbddf490d03e1-0",
        "reason": "similarity 0.00 is below 0.20",
        "question": "How long does a cold last?",
        "score": 0.5,
        "scores": {
          "headed": 0.0,
          "question": 0.0
        },
        "ranks": {
          "headed": 4,
          "question": 4
        }
      }
    ],
    "generated": "It comes from cold feet [1].",
    "prompt": "<system> You are a health librarian. Answer the question in two to five plain sentences, using only what the passages say. Cite the passage after each sentence, like [1]. If no passage is about the question, write only: The passages do not answer this question.\n<user> [1] Why do we sweat?\nSweat cools the skin as it dries. It is mostly water and a little salt. Heat, effort and fever make the body sweat more.\n\n[2] How much water is in the body?\nWater makes up a little over half of an adult''s weight. Muscle holds more water than fat does.\n\nQuestion: what is sweat for and when do people sweat more\n<assistant> Sweat cools the skin as it dries [1]. It is mostly water and a little salt [1]. People sweat more in heat, during effort and with fever [1].\n<user> [1] What is measles?\nMeasles is a very contagious disease. A vaccine prevents it in 97 percent of people.\n\nQuestion: what causes measles disease",
    "model": {
      "engine": "queue",
      "model": "queue-of-replies",
      "device": "none",
      "processor": "AVX-512 with bf16, 2 cores"
    },
    "index": {
      "build": "20261127T080549-41b94a",
      "csv": "small.csv",
      "csv_sha256": "68d265a8dc10020bc32b7823398847e9587be1bf1287c9058c1197c6075999d8",
      "embedder": "words@1",
      "adapter": ""
    },
    "timings": {
      "search_s": 0.0008897070001694374,
      "first_token_s": 0.009762561001480208,
      "generate_s": 0.009264338001230499,
      "total_s": 0.010154045001399936,
      "prompt_tokens": 203,
      "answer_tokens": 6
    }
  },
  "created": "2026-11-27T08:05:49+00:00",
  "schema": "citewell.receipt/1",
  "sha256": "e61b139c1f4e4751a13908c6272bbace1c34f9d9ff1b17246653632792d4b67e"
}
','');
INSERT INTO "turns" VALUES('one',2,'and then?','','','The engine is away.');
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");
COMMIT;

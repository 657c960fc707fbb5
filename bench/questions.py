"""The questions of the measurements, worded as people ask and in none of the CSVs' words."""

QUESTIONS = (
    "how do i know if i am having a stroke",
    "what should i eat if my cholesterol is high",
    "why do i get heartburn after dinner",
    "can you catch shingles from somebody",
    "my child has an ear infection, does she need antibiotics",
    "what happens when you stop smoking",
    "why am i so tired and cold all the time",
    "is it dangerous to stop drinking all at once",
    "how can i sleep better at night",
    "what are the signs of a kidney stone",
    "can diabetes make you go blind",
    "is parkinsons passed on in families",
    "how do doctors find out if it is lupus",
    "what is the treatment for a blood clot in the leg",
    "my toe is red hot and very painful could it be gout",
    "how is glaucoma treated",
    "what causes gallstones",
    "can i get hiv from kissing",
    "why does my baby have yellow skin",
    "what can be done about hair loss after chemo",
)

"""The failing code's variants of parts, and the fixes its auditors proposed; importing it adds them to the method's tables."""

from saga_kedro.audio.low_band import LOW_BANDS
from saga_kedro.audio.lowpass import LOW_PASSES
from saga_kedro.audio.resample import CHANNELS
from saga_kedro.audio.rolloff import ROLLOFFS
from saga_kedro.audit.as_found.channels import one_channel_copied
from saga_kedro.audit.as_found.codec import random_autoencoder
from saga_kedro.audit.as_found.guidance import as_quoted, rolloff_isolated, z_l_everywhere
from saga_kedro.audit.as_found.learning_rate import without_warmup
from saga_kedro.audit.as_found.low_band import below_200_hz, none
from saga_kedro.audit.as_found.low_pass import transfer_functions
from saga_kedro.audit.as_found.network import PathsNetwork
from saga_kedro.audit.as_found.objective import noise_first, written_out
from saga_kedro.audit.as_found.rolloff import power
from saga_kedro.audit.as_found.sampler import as_v, time_reversed
from saga_kedro.model.codec import CODECS
from saga_kedro.model.flow import OBJECTIVES
from saga_kedro.model.guidance import GUIDANCE
from saga_kedro.model.network import NETWORKS
from saga_kedro.model.sampler import SAMPLERS
from saga_kedro.training.inverse_lr import LR_SCHEDULES

CHANNELS |= {"one_channel_copied": one_channel_copied}
CODECS |= {"random_autoencoder": random_autoencoder}
GUIDANCE |= {"as_quoted": as_quoted, "rolloff_isolated": rolloff_isolated, "z_l_everywhere": z_l_everywhere}
LOW_BANDS |= {"below_200_hz": below_200_hz, "none": none}
LOW_PASSES |= {"transfer_functions": transfer_functions}
LR_SCHEDULES |= {"without_warmup": without_warmup}
NETWORKS |= {"paths": PathsNetwork}
OBJECTIVES |= {"by_hand": written_out, "noise_first": noise_first}
ROLLOFFS |= {"power": power}
SAMPLERS |= {"as_v": as_v, "time_reversed": time_reversed}

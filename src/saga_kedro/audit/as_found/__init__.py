"""The failing code's variants of parts, and the fixes its auditors proposed; importing it adds them to the method's tables."""

from saga_kedro.audio.low_band import LOW_BANDS
from saga_kedro.audio.lowpass import LOW_PASSES
from saga_kedro.audio.resample import CHANNELS
from saga_kedro.audio.rolloff import ROLLOFFS
from saga_kedro.audit.as_found import audio, flow
from saga_kedro.audit.as_found.codec import random_autoencoder
from saga_kedro.audit.as_found.network import PathsNetwork
from saga_kedro.model.codec import CODECS
from saga_kedro.model.flow import OBJECTIVES
from saga_kedro.model.guidance import GUIDANCE
from saga_kedro.model.network import NETWORKS
from saga_kedro.model.sampler import SAMPLERS
from saga_kedro.training.inverse_lr import LR_SCHEDULES

CHANNELS |= {"one_channel_copied": audio.one_channel_copied}
CODECS |= {"random_autoencoder": random_autoencoder}
GUIDANCE |= {"as_quoted": flow.as_quoted, "rolloff_isolated": flow.rolloff_isolated, "z_l_everywhere": flow.z_l_everywhere}
LOW_BANDS |= {"below_200_hz": audio.below_200_hz, "none": audio.none}
LOW_PASSES |= {"transfer_functions": audio.transfer_functions}
LR_SCHEDULES |= {"without_warmup": flow.without_warmup}
NETWORKS |= {"paths": PathsNetwork}
OBJECTIVES |= {"by_hand": flow.written_out, "noise_first": flow.noise_first}
ROLLOFFS |= {"power": audio.power}
SAMPLERS |= {"as_v": flow.as_v, "time_reversed": flow.time_reversed}

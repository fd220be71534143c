"""SAGA-SR itself: codec, conditioning, backbone, flow, guidance, sampler, and ``SagaSR`` that assembles them.

Rectified flow in stable-audio-tools' convention throughout: t = 0 is data, t = 1 is noise, the velocity is noise - data.
"""
